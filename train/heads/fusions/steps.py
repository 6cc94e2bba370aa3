"""Frames of streams in step: every stream divides a clip into as many equal parts, whatever its frame rate."""

from __future__ import annotations

import torch
from torch import Tensor

from train.heads.streams import StreamState

STEPS = 32  # 0.4 s each of a clip of 12 s


def in_steps(state: StreamState, steps: int = STEPS) -> Tensor:
    """Return (clips, steps, channels): the mean over each of the parts of a clip; padding has no effect.

    A part takes every frame that lies in it at least partly, so that the parts of a clip of few frames repeat them.
    """
    frames = of_frames(state)
    lengths = state.lengths[:, None]
    step = torch.arange(steps, device=frames.device)
    first, behind = step * lengths // steps, -(-(step + 1) * lengths // steps)
    time = torch.arange(frames.shape[1], device=frames.device)
    within = (time >= first[:, :, None]) & (time < behind[:, :, None])  # (clips, steps, frames)
    valid = frames.masked_fill((time >= lengths)[:, :, None], 0)
    return torch.bmm(within.to(frames.dtype), valid) / (behind - first)[:, :, None]


def of_frames(state: StreamState) -> Tensor:
    """Return the frames of a stream; a head hands them on where a fusion needs them."""
    assert state.frames is not None  # noqa: S101 - the head sees to it
    return state.frames
