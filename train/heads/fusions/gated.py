"""A fusion of streams: their projected vectors are summed, each value through a gate that all streams set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.streams import StreamState, StreamWidths

WIDTH = 128  # as wide as what other fusions sum


class GatedFusion(StreamFusion):
    """hₘ = tanh(Wₘ vₘ), zₘ = σ(Gₘ [v₁ … v_M]), y = Linear(Σₘ zₘ ⊙ hₘ).

    Source: Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units for Information Fusion", arXiv
    1702.01992 (the equations for any number of streams).
    """

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "gated")
        width = sum(stream.vector for stream in streams)
        self.projections = nn.ModuleList(nn.Linear(stream.vector, WIDTH) for stream in streams)
        self.gates = nn.ModuleList(nn.Linear(width, WIDTH) for _ in streams)
        self.out = nn.Linear(WIDTH, targets)

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        vectors = self.vectors(states)
        everything = torch.cat(vectors, dim=1)
        parts = [
            gate(everything).sigmoid() * project(vector).tanh()
            for gate, project, vector in zip(self.gates, self.projections, vectors, strict=True)
        ]
        return self.out(torch.stack(parts).sum(0))  # type: ignore[no-any-return]
