"""Standardised inputs: mean and deviation of every channel over some clips, for frames and for global means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train.features.batches import BatchFeed, Features
from train.features.frames import FrameStore
from train.features.order import scoring_batches
from train.features.padding import zero_padding
from train.heads.standardise import Standardise

IntArray = npt.NDArray[np.int64]
CONSTANT = 1e-6  # a channel that varies less, relative to its size, is constant: it becomes 0
BATCH = 32  # clips that are looked at together


@dataclass(frozen=True)
class Moments:
    """What a channel is moved and divided by.

    Attributes:
        mean: (width,) float32.
        deviation: (width,) float32; 1 where the channel is constant.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, total: Tensor, squares: Tensor, count: int, shift: Tensor) -> Moments:
        """Return those of ``count`` vectors, from the sums (float64) of their differences from ``shift``."""
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
        constant = deviation <= CONSTANT * (mean + shift).abs()
        return cls((mean + shift).float(), torch.where(constant, 1.0, deviation).float())


def frame_moments(features: Features, positions: IntArray) -> Moments | None:
    """Return the moments of all frames of the clips at ``positions``; None if no frames are used."""
    if features.frames is None:
        return None
    total, squares = (torch.zeros(features.width, dtype=torch.float64) for _ in range(2))
    count, shift = 0, None
    parts = scoring_batches(features.lengths[positions], BATCH)
    for _, batch in BatchFeed(features, torch.device("cpu"))([positions[part] for part in parts]):
        assert batch.frames is not None  # noqa: S101 - there are frames
        valid = torch.arange(batch.frames.shape[1]) < batch.lengths[:, None]
        frames = batch.frames[valid].double()
        shift = frames[0].clone() if shift is None else shift  # large means would cancel otherwise
        frames -= shift
        total += frames.sum(0)
        squares += frames.square().sum(0)
        count += len(frames)
    return None if shift is None else Moments.of(total, squares, count, shift)


def clip_moments(features: Features, positions: IntArray) -> Moments | None:
    """Return the moments of the global means of the clips at ``positions``; None if they are not used."""
    if features.global_mean is None or not len(positions):
        return None
    means = features.global_mean[torch.from_numpy(positions)].double()
    shift = means[0].clone()
    means -= shift
    return Moments.of(means.sum(0), means.square().sum(0), len(means), shift)


def learn_moments(standardise: Standardise, features: Features, positions: IntArray) -> None:
    """Give a head's first step the moments of the clips at ``positions``."""
    for what, found in (
        ("frame", frame_moments(features, positions)),
        ("clip", clip_moments(features, positions)),
    ):
        if found:
            standardise.get_buffer(f"{what}_mean").copy_(found.mean)
            standardise.get_buffer(f"{what}_deviation").copy_(found.deviation)


class StandardFrames:
    """Frames of another store, standardised by the moments of each clip's speaker."""

    def __init__(self, store: FrameStore, moments: Sequence[Moments], of_clip: IntArray) -> None:
        self._store, self._of_clip = store, of_clip
        self._mean = torch.stack([each.mean for each in moments])
        self._deviation = torch.stack([each.deviation for each in moments])

    def fill(self, clips: IntArray, lengths: IntArray, out: Tensor) -> None:
        """Write the frames of the clips at positions ``clips`` into ``out``."""
        self._store.fill(clips, lengths, out)
        speakers = torch.from_numpy(self._of_clip[clips])
        out.sub_(self._mean[speakers][:, None]).div_(self._deviation[speakers][:, None])
        zero_padding(out, lengths)


def by_speaker(features: Features, speakers: Sequence[str | None]) -> Features:
    """Return features whose every clip is standardised by the clips of its speaker among them.

    Args:
        features: of all clips that are known of the speakers, labelled or not.
        speakers: (clips,) of each, all known.
    """
    if not speakers:  # of a stream that holds none of the clips that are asked for
        return features
    numbers = {speaker: number for number, speaker in enumerate(dict.fromkeys(speakers))}
    of_clip = np.array([numbers[speaker] for speaker in speakers], dtype=np.int64)
    groups = [np.flatnonzero(of_clip == number) for number in range(len(numbers))]
    frames, means = features.frames, features.global_mean
    if frames is not None:
        found = [frame_moments(features, group) for group in groups]
        frames = StandardFrames(frames, [each for each in found if each], of_clip)
    if means is not None:
        each_clip = [clip_moments(features, group) for group in groups]
        chosen = [each for each in each_clip if each]
        where = torch.from_numpy(of_clip)
        mean, deviation = (
            torch.stack([getattr(each, name) for each in chosen])[where] for name in ("mean", "deviation")
        )
        means = (means - mean) / deviation
    return replace(features, frames=frames, global_mean=means)
