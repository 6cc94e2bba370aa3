"""A fusion of streams: one stream's vector asks the frames of each other stream, by attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, place_of_query, require
from train.heads.fusions.steps import of_frames
from train.heads.streams import StreamState, StreamWidths

WIDTH, HEADS, DROPOUT = 512, 4, 0.1  # as published


class QueryFusion(StreamFusion):
    """y = Linear(Dropout(GELU(Linear([q, c₁ … c_M])))), cₘ what q finds in the frames kₘ of another stream.

    cₘ = O softmax(LN(W q) · LN(W kₘ)ᵀ / √d) · W kₘ, every W its own, in 4 heads of d = 128.

    q is one stream's vector: of ``query``, else of "text", else of the first. Other streams' vectors are not used.

    Source: "Anchoring Emotions in Text" (TAEMI), arXiv 2603.14976; the champion of emotional mimicry in ABAW-10.
    """

    needs_frames: ClassVar[bool] = True

    def __init__(
        self, streams: Sequence[StreamWidths], targets: int, dropout: float, *, query: str | None = None
    ) -> None:
        super().__init__(streams, dropout)
        self.place = place_of_query(streams, query)
        asking = streams[self.place]
        others = [stream for stream in streams if stream is not asking]
        require([asking], "vector", "query")
        require(others, "frame", "query")
        self.asked = nn.ModuleList(AskFrames(asking.vector, other.frame) for other in others)
        width = asking.vector + WIDTH * len(others)
        self.out = nn.Sequential(
            nn.Linear(width, WIDTH), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, targets)
        )

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        query = self.vectors([states[self.place]])[0]
        others = [state for place, state in enumerate(states) if place != self.place]
        found = [
            ask(query, self.thinned(of_frames(each)), each.lengths)
            for ask, each in zip(self.asked, others, strict=True)
        ]
        return self.out(torch.cat([query, *found], dim=1))  # type: ignore[no-any-return]


class AskFrames(nn.Module):
    """Attention of one vector to the valid frames of a stream; queries and keys go through a layer norm."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.query, self.norm_query = nn.Linear(width, WIDTH), nn.LayerNorm(WIDTH)
        self.key, self.norm_key = nn.Linear(channels, WIDTH), nn.LayerNorm(WIDTH)
        self.value, self.out = nn.Linear(channels, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, vector: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return (clips, width) from a vector (clips, …) and frames (clips, frames, channels)."""
        queries = self.norm_query(self.query(vector)).unflatten(1, (HEADS, -1))
        keys, values = (
            each.unflatten(2, (HEADS, -1)) for each in (self.norm_key(self.key(frames)), self.value(frames))
        )
        scores = torch.einsum("chd,cthd->cht", queries, keys) / (WIDTH // HEADS) ** 0.5
        behind = torch.arange(frames.shape[1], device=frames.device) >= lengths[:, None]
        weights = self.dropout(scores.masked_fill(behind[:, None], -torch.inf).softmax(2))
        return self.out(torch.einsum("cht,cthd->chd", weights, values).flatten(1))  # type: ignore[no-any-return]
