"""A fusion of streams: how one stream's frames resemble those of the others says which of its own frames count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, place_of_query, require
from train.heads.fusions.steps import in_steps
from train.heads.streams import StreamState, StreamWidths

WIDTH, HEADS = 128, 4


class M2FFusion(StreamFusion):
    """Per step: h = Linear(ReLU([MHA(Q = x, K = y, V = x) for each other stream y; x])); y = Linear(mean ReLU(h)).

    x is one stream: ``query``, else "text", else the first. Keys and values of one attention are two streams, which
    must be in step. Ours: 32 steps of equal length in every stream (published: the utterances of a dialogue), a
    width of 128, and one attention beside the other for more than two streams.

    Source: Chudasama et al., "M2FNet: Multi-modal Fusion Network for Emotion Recognition in Conversation", arXiv
    2206.02187.
    """

    needs_frames: ClassVar[bool] = True

    def __init__(
        self, streams: Sequence[StreamWidths], targets: int, dropout: float, *, query: str | None = None
    ) -> None:
        super().__init__(streams, dropout)
        require(streams, "frame", "m2f")
        self.place = place_of_query(streams, query)
        self.projections = nn.ModuleList(nn.Linear(stream.frame, WIDTH) for stream in streams)
        self.attentions = nn.ModuleList(
            nn.MultiheadAttention(WIDTH, HEADS, batch_first=True) for _ in streams[1:]
        )
        self.join = nn.Linear(WIDTH * len(streams), WIDTH)
        self.out = nn.Linear(WIDTH, targets)

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        steps = [self.thinned(in_steps(state)) for state in states]
        seen = [project(each) for project, each in zip(self.projections, steps, strict=True)]
        asking = seen.pop(self.place)
        found = [ask(asking, other, asking)[0] for ask, other in zip(self.attentions, seen, strict=True)]
        hidden = self.join(torch.cat([*found, asking], dim=2).relu())
        return self.out(hidden.relu().mean(1))  # type: ignore[no-any-return]
