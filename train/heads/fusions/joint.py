"""A fusion of streams: they and a joint one attend to each other, and all that is found to itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.fusions.steps import in_steps
from train.heads.streams import StreamState, StreamWidths

WIDTH, HEADS, INNER = 128, 4, 256


class JointFusion(StreamFusion):
    """Two streams x and y, and j = W [x, y], each ask the other two, which makes six tokens a step.

    All three are encoded before, and ask with one set of weights each. The tokens of a step are encoded too, take
    self-attention, and the last is read (y asking j): y = Linear(ReLU(Linear(mean over steps))).

    An encoder is one post-norm Transformer layer. Ours: 32 steps of equal length in every stream (published:
    frames in step), a width of 128 (published: 512), no layers but these, and any number of streams.

    Source: Waligora et al., "Joint Multimodal Transformer for Emotion Recognition in the Wild", arXiv 2403.10488.
    """

    needs_frames: ClassVar[bool] = True

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "frame", "joint")
        every = range(len(streams) + 1)  # the last one is the joint one
        self.projections = nn.ModuleList(nn.Linear(stream.frame, WIDTH) for stream in streams)
        self.joint = nn.Linear(WIDTH * len(streams), WIDTH)
        self.encoders = nn.ModuleList(_encoder() for _ in every)
        self.attentions = nn.ModuleList(_attention() for _ in every)
        self.pairs = sorted([(one, two) for one in every for two in every if one != two], key=self._order)
        self.encode, self.attend = _encoder(), _attention()
        self.out = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, targets))

    def _order(self, pair: tuple[int, int]) -> tuple[bool, int, bool]:
        """First what streams ask each other; then, stream by stream, j asking it and it asking j."""
        joint = len(self.projections)
        return joint in pair, min(pair), pair[1] == joint

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        steps = [self.thinned(in_steps(state)) for state in states]
        given = [project(each) for project, each in zip(self.projections, steps, strict=True)]
        given.append(self.joint(torch.cat(given, dim=2)))
        seen = [encode(each) for encode, each in zip(self.encoders, given, strict=True)]
        found = [self.attentions[one](seen[one], seen[two], seen[two])[0] for one, two in self.pairs]
        tokens = self.encode(torch.stack(found, dim=2).flatten(0, 1))  # (clips · steps, tokens, width)
        last = self.attend(tokens[:, -1:], tokens, tokens)[0]
        return self.out(last.view(found[0].shape).mean(1))  # type: ignore[no-any-return]


def _encoder() -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout=0.0, batch_first=True)


def _attention() -> nn.MultiheadAttention:
    return nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
