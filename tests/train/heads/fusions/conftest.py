"""Streams for the tests of fusions: what each would hand on for some made-up clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from train.heads.registry import STREAM_FUSIONS
from train.heads.streams import StreamState, StreamWidths

WIDTHS = (
    StreamWidths("audio", (5, 4), 5),
    StreamWidths("face", (3,), 3),
    StreamWidths("text", (6, 2), 6),
)
TARGETS = 3


def make_states(widths: Sequence[StreamWidths], clips: int, seed: int = 0) -> list[StreamState]:
    """States in float64 of clips of 1 to 9 frames, with garbage behind each."""
    draw = torch.Generator().manual_seed(seed)
    states = []
    for stream in widths:
        vectors = tuple(torch.randn(clips, width, generator=draw).double() for width in stream.vectors)
        lengths = torch.randint(1, 10, (clips,), generator=draw)
        frames = torch.randn(clips, 9, stream.frame, generator=draw).double()
        frames[torch.arange(9) >= lengths[:, None]] = 1e3
        states.append(StreamState(vectors, frames, lengths, torch.ones(clips, dtype=torch.bool)))
    return states


def make_fusion(name: str, widths: Sequence[StreamWidths] = WIDTHS, targets: int = TARGETS) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return STREAM_FUSIONS.get(name)(widths, targets, 0.0).double()


@pytest.fixture
def widths() -> tuple[StreamWidths, ...]:
    return WIDTHS


@pytest.fixture
def states() -> Callable[..., list[StreamState]]:
    return make_states


@pytest.fixture
def fusion() -> Callable[..., nn.Module]:
    return make_fusion
