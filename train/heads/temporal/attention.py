"""A temporal model: the mean over a clip's valid frames, weighted by a small network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """Weighted mean over the valid frames; a small network with one hidden layer gives the weights."""

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [width] + [hidden] * layers
        steps: list[nn.Module] = []
        for one, two in pairwise(widths):
            steps += [nn.Linear(one, two), nn.Tanh()]
        self.score = nn.Sequential(*steps, nn.Linear(hidden, 1))
        self.output_width = width

    def summarise(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean of each clip's valid frames, weighted by a softmax over their scores."""
        valid = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        scores = self.score(frames).squeeze(2).float().masked_fill(~valid, -torch.inf)
        weighted: Tensor = scores.softmax(1)[:, :, None] * frames.masked_fill(~valid[:, :, None], 0)
        return weighted.sum(1)
