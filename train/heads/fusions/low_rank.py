"""A fusion of streams: the outer product of their vectors as ``tensor`` takes it, read by a tensor of low rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.streams import StreamState, StreamWidths

SIZE, RANK = 64, 4  # values of a projected vector, and the rank, of MMSA's settings


class LowRankFusion(StreamFusion):
    """y = Σᵣ wᵣ ∏ₘ ([1; hₘ] · Fₘᵣ) + b with r = 1 … 4, hₘ = ReLU(Wₘ vₘ): the product itself is never made.

    One layer before the product instead of three is ours. Source: Liu, Shen, Lakshminarasimhan, Liang, Zadeh,
    Morency, "Efficient Low-rank Multimodal Fusion with Modality-Specific Factors", arXiv 1806.00064.
    """

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "low-rank")
        self.projections = nn.ModuleList(nn.Linear(stream.vector, SIZE) for stream in streams)
        self.factors = nn.ParameterList(torch.empty(RANK, SIZE + 1, targets) for _ in streams)
        self.weights = nn.Parameter(torch.empty(1, RANK))
        self.bias = nn.Parameter(torch.zeros(targets))
        for parameter in (*self.factors, self.weights):
            nn.init.xavier_normal_(parameter)

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        product: Tensor | None = None
        for project, factor, vector in zip(self.projections, self.factors, self.vectors(states), strict=True):
            each = (
                nn.functional.pad(project(vector).relu(), (1, 0), value=1.0) @ factor
            )  # (rank, clips, targets)
            product = each if product is None else product * each
        return torch.einsum("r,rct->ct", self.weights[0], product) + self.bias
