"""Batch norm of the nodes of a graph, each over the clips that have it: what stands in does not count."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON, MOMENTUM = 1e-5, 0.1  # torch's


class NodeNorm(nn.Module):
    """``nn.BatchNorm1d(nodes)`` of (clips, nodes, width) whose statistics leave out some clips of a node.

    A node that no clip of a batch has takes the running statistics; one clip is enough, for its width values vary.
    In evaluation nothing depends on the batch.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(nodes)), nn.Parameter(torch.zeros(nodes))
        self.register_buffer("running_mean", torch.zeros(nodes))
        self.register_buffer("running_variance", torch.ones(nodes))

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return values (clips, nodes, width) normalised; ``counts`` (clips, nodes) bool says which count."""
        values = values.to(torch.promote_types(values.dtype, torch.float32))
        mean, variance = self.running_mean, self.running_variance
        if self.training:
            mean, variance = self._of_batch(values, counts)
        scale = self.weight / (variance + EPSILON).sqrt()
        return (values - mean[:, None]) * scale[:, None] + self.bias[:, None]

    def _of_batch(self, values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each node (nodes,); the running ones move towards them."""
        share, number = counts[:, :, None].to(values.dtype), counts.sum(0) * values.shape[2]
        total = number.clamp(min=1)
        mean = (values * share).sum((0, 2)) / total
        variance = ((values - mean[:, None]).square() * share).sum((0, 2)) / total
        known = number > 1
        with torch.no_grad():
            unbiased = variance * total / (total - 1).clamp(min=1)
            for running, found in ((self.running_mean, mean), (self.running_variance, unbiased)):
                running.copy_(torch.where(known, running.lerp(found.to(running.dtype), MOMENTUM), running))
        return (
            torch.where(known, mean, self.running_mean),
            torch.where(known, variance, self.running_variance),
        )
