"""A fusion: the vectors joined, then a small network with one hidden layer of rectified units."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from train.heads.fusion import joined

HIDDEN = 128  # units; 64 to 256 differ by less than seeds do


class Network(nn.Sequential):
    """The vectors joined, then Linear, ReLU, Linear; dropout before each of the two.

    Its hidden layer does not grow with the joined width, as the method's does: vectors of thousands of
    statistics would make it the whole head.
    """

    def __init__(self, widths: Sequence[int], targets: int, dropout: float) -> None:
        super().__init__(nn.Linear(sum(widths), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, targets))
        self.dropout = dropout

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return (clips, targets)."""
        into, rectify, out = self
        hidden = rectify(into(joined(vectors, self.dropout, self.training)))
        return out(joined([hidden], self.dropout, self.training))  # type: ignore[no-any-return]
