"""A fusion of streams: the outer product of their projected vectors, so that each value meets all of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.streams import StreamState, StreamWidths

SIZE, HIDDEN = 32, 64  # values of a projected vector, and units behind the product, as in MMSA's settings
CELLS = 36_000  # of the product at most; with more than three streams their vectors become shorter


class TensorFusion(StreamFusion):
    """y = Linear(ReLU(Linear(ReLU(Linear(⊗ₘ [1; hₘ]))))), hₘ = ReLU(Wₘ vₘ).

    The 1 keeps each stream alone, and each smaller group of them, in the product. hₘ has 32 values; with four
    streams 12, with five 7 …, so that a head stays below three million parameters. That, and one layer before
    the product instead of three, is ours.

    Source: Zadeh, Chen, Poria, Cambria, Morency, "Tensor Fusion Network for Multimodal Sentiment Analysis", arXiv
    1707.07250.
    """

    most: ClassVar[int | None] = 8

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "tensor")
        size = max(each for each in range(1, SIZE + 1) if (each + 1) ** len(streams) <= CELLS)
        self.projections = nn.ModuleList(nn.Linear(stream.vector, size) for stream in streams)
        cells = (size + 1) ** len(streams)
        self.out = nn.Sequential(
            nn.Linear(cells, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, targets),
        )

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        vectors = self.vectors(states)
        product = vectors[0].new_ones(len(vectors[0]), 1)
        for project, vector in zip(self.projections, vectors, strict=True):
            each = nn.functional.pad(project(vector).relu(), (1, 0), value=1.0)
            product = torch.einsum("ca,cb->cab", product, each).flatten(1)
        return self.out(product)  # type: ignore[no-any-return]
