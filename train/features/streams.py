"""Features of several streams: of each those of the clips that it holds, joined batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache import CacheReader
from train.config import FitConfig
from train.features.batches import Batch, Features
from train.features.inputs import has_vad
from train.features.padding import padded_length
from train.heads.streams_head import StreamInput

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ABSENT = -1  # the place of a clip in a stream that lacks it


def stream_config(config: FitConfig, name: str, reader: CacheReader) -> FitConfig:
    """Return the config of one stream; VAD is joined where the cache has it, unless the stream's own fields say.

    Raises:
        ConfigError: if its fields do not go together.
    """
    own = config.of_stream(name)
    if "vad" in config.streams.get(name, {}) or has_vad(reader):
        return own
    return replace(own, vad=False)


@dataclass(frozen=True)
class StreamFeatures:
    """What a head of several streams sees of some clips, position by position.

    Attributes:
        clip_ids: (clips,).
        streams: name → features of the clips that the stream holds, in the order of ``clip_ids``.
        at: name → (clips,) where each clip is among those; -1 where the stream lacks it.
    """

    clip_ids: tuple[str, ...]
    streams: Mapping[str, Features]
    at: Mapping[str, IntArray]

    @cached_property
    def lengths(self) -> IntArray:
        """Frames of each clip (clips,), of all streams together; 1 where none of them holds it."""
        total = np.zeros(len(self.clip_ids), dtype=np.int64)
        for name, own in self.streams.items():
            here = self.at[name] != ABSENT
            total[here] += own.lengths[self.at[name][here]]
        return np.maximum(total, 1)

    @property
    def in_memory(self) -> bool:
        """Whether the frames of all streams stay in memory."""
        return all(own.in_memory for own in self.streams.values())

    @property
    def present(self) -> dict[str, BoolArray]:
        """Name → (clips,) whether the stream holds each clip."""
        return {name: at != ABSENT for name, at in self.at.items()}

    def places(self, name: str, positions: IntArray) -> IntArray:
        """Return where the clips at ``positions`` are among those of a stream, without those that it lacks."""
        at = self.at[name][positions]
        held: IntArray = at[at != ABSENT]
        return held

    def batcher(self, device: torch.device) -> StreamsBatcher:
        """Return what fills batches of these features, into buffers of its own."""
        return StreamsBatcher(self, device)


AnyFeatures = Features | StreamFeatures


def joined_streams(
    clip_ids: Sequence[str],
    present: Mapping[str, BoolArray],
    load: Callable[[str, tuple[str, ...]], Features],
) -> StreamFeatures:
    """Get the features of some clips ready, of each stream those of the clips that it holds.

    Args:
        clip_ids: clips; of a row that takes some streams only, there may be ones that none of them holds.
        present: name → (clips,) whether the stream holds each; in the order of the names.
        load: from the name of a stream and its clips to their features.
    """
    streams, at = {}, {}
    for name, here in present.items():
        streams[name] = load(name, tuple(clip for clip, there in zip(clip_ids, here, strict=True) if there))
        at[name] = np.where(here, np.cumsum(here) - 1, ABSENT).astype(np.int64)
    return StreamFeatures(tuple(clip_ids), streams, at)


class StreamsBatch(NamedTuple):
    """Some clips, of each stream padded to one length.

    Attributes:
        streams: name → what it has of them.
    """

    streams: dict[str, StreamInput]

    @property
    def lengths(self) -> Tensor:
        """(clips,) frames, of the first stream."""
        return next(iter(self.streams.values())).lengths

    def keeping(self, kept: Mapping[str, BoolArray]) -> StreamsBatch:
        """Return the same, with streams left out of clips: name → (clips,) whether the stream stays."""
        return StreamsBatch(
            {
                name: own._replace(present=own.present & torch.from_numpy(kept[name]).to(own.present.device))
                for name, own in self.streams.items()
            }
        )


class StreamsBatcher:
    """Fills batches of all streams; each stream has a buffer that is used again for the next batch."""

    def __init__(self, features: StreamFeatures, device: torch.device) -> None:
        self._features = features
        self._device = device
        self._batchers = {name: own.batcher(device) for name, own in features.streams.items()}

    def __call__(self, positions: IntArray) -> StreamsBatch:
        """Return the clips at ``positions`` as one padded batch."""
        return StreamsBatch({name: self._of(name, positions) for name in self._batchers})

    def _of(self, name: str, positions: IntArray) -> StreamInput:
        at = self._features.at[name][positions]
        here = at != ABSENT
        present = torch.from_numpy(here).to(self._device)
        if here.all():
            return StreamInput(*self._batchers[name](at), present)
        batch = self._batchers[name](at[here]) if here.any() else self._nothing(self._features.streams[name])
        frames, lengths, means = (None if each is None else _spread(each, present) for each in batch)
        assert lengths is not None  # noqa: S101 - every batch has them
        return StreamInput(frames, lengths.clamp(min=1), means, present)

    def _nothing(self, own: Features) -> Batch:
        """Return a batch of no clip."""
        length = padded_length(np.ones(1, dtype=np.int64))
        frames = None if own.frames is None else torch.zeros(0, length, own.width, device=self._device)
        means = None if own.global_mean is None else own.global_mean[:0].to(self._device)
        return Batch(frames, torch.zeros(0, dtype=torch.int64, device=self._device), means)


def kept_streams(
    present: Mapping[str, BoolArray], share: float, seed: int, epoch: int
) -> dict[str, BoolArray]:
    """Choose which streams of each clip a head sees in an epoch: all that hold it but a share, at least one.

    It is drawn from ``(seed, epoch)`` alone, so that a resumed fit gives the same bits.

    Args:
        present: name → (clips,) whether the stream holds each clip.
        share: of the streams that is left out.
        seed: of the run.
        epoch: from 0.
    """
    there = np.stack(list(present.values()))
    drawn = np.where(there, np.random.default_rng([seed, 4, epoch]).random(there.shape), -1.0)
    kept = drawn >= share
    nothing = np.flatnonzero(~kept.any(0))
    kept[drawn.argmax(0)[nothing], nothing] = True
    return dict(zip(present, kept, strict=True))


def _spread(values: Tensor, present: Tensor) -> Tensor:
    """Return values of the clips that are present (some, …) at their places among all, 0 elsewhere."""
    out = values.new_zeros(len(present), *values.shape[1:])
    out[present] = values
    return out
