"""Fusions: how the vectors of a clip (global mean, temporal model's output) become its intensities.

A fusion is a module made from the widths of those vectors, the number of intensities, and the share of its inputs
that is left out at random in training; it takes the vectors one by one, each (clips, width), and returns
(clips, targets).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

MakeFusion = Callable[[Sequence[int], int, float], nn.Module]  # from widths, number of targets, and dropout


def joined(vectors: Sequence[Tensor], dropout: float, training: bool) -> Tensor:
    """Return the vectors of each clip joined (clips, width), a share of their values left out in training."""
    if dropout:
        vectors = [nn.functional.dropout(vector, dropout, training) for vector in vectors]
    return torch.cat(list(vectors), dim=1)


class Concat(nn.Sequential):
    """The method's fusion: the vectors joined, then Linear, Tanh, Linear of the joined width."""

    def __init__(self, widths: Sequence[int], targets: int, dropout: float) -> None:
        width = sum(widths)
        super().__init__(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, targets))
        self.dropout = dropout

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (clips, targets)."""
        given = joined(vectors, self.dropout, self.training)
        return super().forward(given)  # type: ignore[no-any-return, no-untyped-call]


class ConcatLinear(nn.Linear):
    """The vectors joined, then one linear layer: what is left with the component switched off."""

    def __init__(self, widths: Sequence[int], targets: int, dropout: float) -> None:
        super().__init__(sum(widths), targets)
        self.dropout = dropout

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (clips, targets)."""
        return super().forward(joined(vectors, self.dropout, self.training))
