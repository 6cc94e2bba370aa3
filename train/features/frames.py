"""Frames of the clips of a batch: held in memory as stored, or read from the cache batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache import CacheReader
from cache.common.progress import OnProgress
from cache.format.schema import OFFSET, SCALE
from train.features.inputs import Inputs
from train.features.padding import zero_padding

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]


class FrameStore(Protocol):
    """Gives the joined frames of the clips of a batch."""

    def fill(self, clips: IntArray, lengths: IntArray, out: Tensor) -> None:
        """Write the frames of the clips at positions ``clips`` into ``out``.

        Args:
            clips: (batch,) positions.
            lengths: (batch,) their frames.
            out: (batch, frames, width) float32; what lies behind a clip's frames becomes 0.
        """
        ...


class FieldInMemory:
    """One frame field of some clips in its stored dtype, flat: clip after clip."""

    def __init__(
        self, reader: CacheReader, clip_ids: Sequence[str], name: str, on_progress: OnProgress
    ) -> None:
        lengths = [reader.num_frames(clip_id) for clip_id in clip_ids]
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - np.array(lengths)
        field = reader.frame_fields[name]
        # First: behind a URL these tables are asked for together, and bring the frames of small shards along.
        self.scaling = _scaling(reader, clip_ids, name)
        array = np.empty((sum(lengths), field.width), field.dtype)
        for position, clip_id in enumerate(clip_ids):
            reader.read_into(clip_id, name, array[self.starts[position] : self.ends[position]])
            on_progress(position + 1, len(clip_ids))
        self.values = torch.from_numpy(array)

    def fill(self, clips: IntArray, index: Tensor, out: Tensor) -> None:
        """Write the frames at ``index`` (batch · frames,) into ``out`` (batch, frames, width) float32."""
        out.copy_(self.values.index_select(0, index).view(out.shape))
        _rescale(out, self.scaling, clips)


class MemoryFrames:
    """Joined frames of fields that are held in memory, converted as a batch is filled."""

    def __init__(self, fields: Sequence[FieldInMemory]) -> None:
        self._fields = fields

    def fill(self, clips: IntArray, lengths: IntArray, out: Tensor) -> None:
        """Write the frames of the clips at positions ``clips`` into ``out``."""
        starts, ends = self._fields[0].starts[clips], self._fields[0].ends[clips]
        # Behind its end a clip's last frame stands in, until it is zeroed below: one gather for the batch.
        index = np.minimum(starts[:, None] + np.arange(out.shape[1]), ends[:, None] - 1)
        first = 0
        for field in self._fields:
            last = first + field.values.shape[1]
            field.fill(clips, torch.from_numpy(index.ravel()), out[:, :, first:last])
            first = last
        zero_padding(out, lengths)


class ChosenFrames:
    """The frames of some of the clips of another store, in an order of their own."""

    def __init__(self, store: FrameStore, positions: IntArray) -> None:
        self._store = store
        self._positions = positions

    def fill(self, clips: IntArray, lengths: IntArray, out: Tensor) -> None:
        """Write the frames of the clips at positions ``clips`` into ``out``."""
        self._store.fill(self._positions[clips], lengths, out)


class ReaderFrames:
    """Frames read from the cache batch by batch, for a cache larger than memory."""

    def __init__(self, reader: CacheReader, clip_ids: Sequence[str], inputs: Inputs) -> None:
        self._reader = reader
        self._clip_ids = clip_ids
        self._fields = [reader.frame_fields[name] for name in inputs.fields]
        self._scaling = [_scaling(reader, clip_ids, name) for name in inputs.fields]
        longest = max(map(reader.num_frames, clip_ids))
        self._scratch = [np.empty((longest, field.width), field.dtype) for field in self._fields]

    def fill(self, clips: IntArray, lengths: IntArray, out: Tensor) -> None:
        """Write the frames of the clips at positions ``clips`` into ``out``."""
        first = 0
        for field, scratch, scaling in zip(self._fields, self._scratch, self._scaling, strict=True):
            joined = out[:, :, first : first + field.width]
            for row, (clip, length) in enumerate(zip(clips.tolist(), lengths.tolist(), strict=True)):
                part = scratch[:length]
                self._reader.read_into(self._clip_ids[clip], field.name, part)
                joined[row, :length].copy_(torch.from_numpy(part))
            _rescale(joined, scaling, clips)
            first += field.width
        zero_padding(out, lengths)


def _scaling(reader: CacheReader, clip_ids: Sequence[str], name: str) -> tuple[Tensor, Tensor] | None:
    """Return scale and offset, each (clips, channels), of a field of small integers; None for floats."""
    if not reader.frame_fields[name].quantised:
        return None
    tables = [reader.clip_table(prefix + name, clip_ids) for prefix in (SCALE, OFFSET)]
    scale, offset = (torch.from_numpy(table.astype(np.float32)) for table in tables)
    return scale, offset


def _rescale(out: Tensor, scaling: tuple[Tensor, Tensor] | None, clips: IntArray) -> None:
    if scaling is not None:
        chosen = torch.from_numpy(clips)
        out.mul_(scaling[0][chosen][:, None]).add_(scaling[1][chosen][:, None])
