"""A fusion of streams: their projected vectors are summed, each times one weight that a small network gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.streams import StreamState, StreamWidths

WIDTH = 128  # as published


class AttentionFusion(StreamFusion):
    """hₘ = MLPₘ(vₘ), a = Linear(MLP([h₁ … h_M])), y = Linear(Σₘ aₘ hₘ); no softmax is taken of the weights a.

    MLP is Linear, ReLU, Linear, ReLU. Source: the attention network of the MERTools toolkit (Lian et al., MERBench,
    arXiv 2401.03429).
    """

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "attention")
        self.encoders = nn.ModuleList(_network(stream.vector) for stream in streams)
        self.weigh = nn.Sequential(*_network(WIDTH * len(streams)), nn.Linear(WIDTH, len(streams)))
        self.out = nn.Linear(WIDTH, targets)

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        hidden = [encode(each) for encode, each in zip(self.encoders, self.vectors(states), strict=True)]
        weights = self.weigh(torch.cat(hidden, dim=1))
        summed = (weights[:, :, None] * torch.stack(hidden, dim=1)).sum(1)
        return self.out(summed)  # type: ignore[no-any-return]


def _network(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
