"""Fusions: how the vectors of a clip (global mean, temporal model's output) become its intensities.

A fusion is a module made from the widths of those vectors and the number of intensities; it takes the vectors
one by one, each (clips, width), and returns (clips, targets).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

MakeFusion = Callable[[Sequence[int], int], nn.Module]  # from the vectors' widths and the number of targets


class Concat(nn.Sequential):
    """The method's fusion: the vectors joined, then Linear, Tanh, Linear of the joined width."""

    def __init__(self, widths: Sequence[int], targets: int) -> None:
        joined = sum(widths)
        super().__init__(nn.Linear(joined, joined), nn.Tanh(), nn.Linear(joined, targets))

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (clips, targets)."""
        return super().forward(torch.cat(vectors, dim=1))  # type: ignore[no-any-return, no-untyped-call]


class ConcatLinear(nn.Linear):
    """The vectors joined, then one linear layer: what is left with the component switched off."""

    def __init__(self, widths: Sequence[int], targets: int) -> None:
        super().__init__(sum(widths), targets)

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (clips, targets)."""
        return super().forward(torch.cat(vectors, dim=1))
