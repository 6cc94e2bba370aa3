"""Features of some clips, from the cache to padded batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache import CacheReader
from cache.common.progress import OnProgress
from train.config import FitConfig
from train.features.frames import ChosenFrames, FieldInMemory, FrameStore, MemoryFrames, ReaderFrames
from train.features.inputs import Inputs, choose_inputs
from train.features.padding import padded_length
from train.features.statistics import statistics
from train.machine import free_memory, kept_memory

IntArray = npt.NDArray[np.int64]

MEMORY_SHARE = 0.5  # of the memory that is free now; the other half is for the head and its gradients


def say_nothing(_done: int, _total: int) -> None:
    """Report no progress."""


def _report_share(on_progress: OnProgress, field: int, fields: int, done: int, total: int) -> None:
    """Report the clips read of one field as a share of the clips of all fields."""
    on_progress((field * total + done) // fields, total)


@dataclass(frozen=True)
class Features:
    """What a head sees of some clips, position by position.

    Attributes:
        clip_ids: (clips,).
        lengths: (clips,) frames.
        frames: where the joined frames come from; None without LSTM.
        global_mean: (clips, clip width) float32, the vector that sums up each clip: its global mean, or what the
            config takes instead; None without.
        width: channels of a frame.
        in_memory: whether the frames stay in memory.
        described: where the frames come from that clip vectors are taken from, whatever the head sees of them.
        layers: how many encoder layers come first in a frame, for the head to weigh; 0 if it takes one as it is.
        layer_width: channels of each of those.
    """

    clip_ids: tuple[str, ...]
    lengths: IntArray
    frames: FrameStore | None
    global_mean: Tensor | None
    width: int
    in_memory: bool
    described: FrameStore | None = None
    layers: int = 0
    layer_width: int = 0

    @property
    def clip_width(self) -> int | None:
        """Values of the vector that sums up a clip; None if it is as wide as a frame, or there is none."""
        width = self.width if self.global_mean is None else self.global_mean.shape[1]
        return None if width == self.width else width

    def batcher(self, device: torch.device) -> Batcher:
        """Return what fills batches of these features, into a buffer of its own."""
        return Batcher(self, device)


class Batches(Protocol):
    """What batches are made of: the features of one cache, or those of several streams."""

    @property
    def in_memory(self) -> bool:
        """Whether the frames stay in memory."""
        ...

    def batcher(self, device: torch.device) -> Callable[[IntArray], Any]:
        """Return what fills batches, given positions of clips; a batch is valid until the next."""
        ...


class FrameBank:
    """Frame fields of some clips in memory, each loaded once, however many heads are fitted on them.

    Processes that are forked once it is filled share its memory.
    """

    def __init__(self, reader: CacheReader, clip_ids: Sequence[str]) -> None:
        self.reader = reader
        self.clip_ids = tuple(clip_ids)
        self._at = {clip_id: number for number, clip_id in enumerate(clip_ids)}
        self.lengths = np.array([reader.num_frames(clip_id) for clip_id in clip_ids], dtype=np.int64)
        self._fields: dict[str, FieldInMemory] = {}
        self._statistics: dict[tuple[str, ...], Tensor] = {}

    def positions(self, clip_ids: Sequence[str]) -> IntArray | None:
        """Return where clips are among those of the bank; None if one is not there."""
        found = [self._at.get(clip_id, -1) for clip_id in clip_ids]
        return None if -1 in found else np.array(found, dtype=np.int64)

    def num_bytes(self, names: Sequence[str]) -> int:
        """Return the bytes that the fields called ``names`` still need."""
        fields = [self.reader.frame_fields[name] for name in names if name not in self._fields]
        return int(self.lengths.sum()) * sum(field.bytes_per_frame for field in fields)

    def frames(self, names: Sequence[str], on_progress: OnProgress = say_nothing) -> MemoryFrames:
        """Return the joined frames of the fields called ``names``; progress is counted in clips."""
        missing = [name for name in names if name not in self._fields]
        for number, name in enumerate(missing):
            report = partial(_report_share, on_progress, number, len(missing))
            self._fields[name] = FieldInMemory(self.reader, self.clip_ids, name, report)
        return MemoryFrames([self._fields[name] for name in names])

    def statistics(self, inputs: Inputs, frames: FrameStore, on_progress: OnProgress) -> Tensor:
        """Return the statistics of the frames of some inputs, (clips, values), computed once."""
        if inputs.fields not in self._statistics:
            found = statistics(frames, self.lengths, inputs.width, on_progress)
            self._statistics[inputs.fields] = torch.from_numpy(found)
        return self._statistics[inputs.fields]


def load_features(
    reader: CacheReader,
    clip_ids: Sequence[str],
    config: FitConfig,
    *,
    bank: FrameBank | None = None,
    budget: float | None = None,
    on_progress: OnProgress = say_nothing,
    frames_too: bool = False,
) -> Features:
    """Get the features of some clips ready: in memory, in their stored dtype, when they fit.

    Args:
        reader: the cache; stays open as long as the features are in use.
        clip_ids: clips, all of them in the cache.
        config: layer and switches.
        bank: what is in memory already; it may hold more clips, in another order.
        budget: bytes that may be used; default: half of the memory that is free.
        on_progress: called with the number of clips read, and of all.
        frames_too: whether a fusion takes the frames, whatever the config says.

    Raises:
        ConfigError: if the cache has not the fields that the config asks for.
    """
    inputs = choose_inputs(reader, config.layer, config.vad)
    bank, positions = _bank_of(reader, clip_ids, inputs, bank)
    needed = bank.num_bytes(inputs.fields)
    fits = not needed or needed <= (free_memory() * MEMORY_SHARE if budget is None else budget)
    frames: FrameStore | None = None
    means, lengths, chosen = None, bank.lengths[positions], bank.clip_ids != tuple(clip_ids)
    seeing = config.lstm or frames_too
    if seeing or config.describes_frames:
        frames = bank.frames(inputs.fields, on_progress) if fits else ReaderFrames(reader, clip_ids, inputs)
        if config.describes_frames:
            means = bank.statistics(inputs, frames, on_progress)
            means = means[torch.from_numpy(positions)] if chosen else means
        frames = ChosenFrames(frames, positions) if chosen else frames
    if config.global_mean and not config.describes_frames:
        tables = [
            reader.clip_table(f"global_mean/{field}", clip_ids).reshape(len(clip_ids), width)
            for field, width in zip(inputs.fields, inputs.widths, strict=True)
        ]
        means = torch.from_numpy(np.concatenate(tables, axis=1).astype(np.float32, copy=False))
    described = frames if config.takes_components else None
    seen = frames if seeing else None
    layers = (len(inputs.layers), inputs.widths[0]) if inputs.weighted else (0, 0)
    return Features(tuple(clip_ids), lengths, seen, means, inputs.width, fits, described, *layers)


def _bank_of(
    reader: CacheReader, clip_ids: Sequence[str], inputs: Inputs, bank: FrameBank | None
) -> tuple[FrameBank, IntArray]:
    """Return a bank that holds the clips, and where they are in it.

    One of more clips serves if it is filled: there may be room for these, and not for all.
    """
    everywhere = np.arange(len(clip_ids))
    if bank is not None and bank.clip_ids == tuple(clip_ids):
        return bank, everywhere
    positions = None if bank is None or bank.num_bytes(inputs.fields) else bank.positions(clip_ids)
    if bank is None or positions is None:
        return FrameBank(reader, clip_ids), everywhere
    return bank, positions


class Batch(NamedTuple):
    """Some clips, padded to one length.

    Attributes:
        frames: (clips, frames, width) float32; None without LSTM.
        lengths: (clips,) frames.
        global_mean: (clips, width) float32; None without global mean.
    """

    frames: Tensor | None
    lengths: Tensor
    global_mean: Tensor | None


class Batcher:
    """Fills batches into one buffer that is used again for the next: a batch is valid until then."""

    def __init__(self, features: Features, device: torch.device) -> None:
        self._features = features
        self._device = device
        self._buffer = torch.empty(0)

    def __call__(self, positions: IntArray) -> Batch:
        """Return the clips at ``positions`` as one padded batch."""
        features = self._features
        lengths = features.lengths[positions]
        means = None
        if features.global_mean is not None:
            means = features.global_mean[torch.from_numpy(positions)].to(self._device)
        frames = None if features.frames is None else self._padded(features.frames, positions, lengths)
        return Batch(frames, torch.from_numpy(lengths).to(self._device), means)

    def _padded(self, store: FrameStore, positions: IntArray, lengths: IntArray) -> Tensor:
        shape = (len(positions), padded_length(lengths), self._features.width)
        size = shape[0] * shape[1] * shape[2]
        if self._buffer.numel() < size:
            self._buffer = torch.empty(size, pin_memory=self._device.type == "cuda")
        padded = self._buffer[:size].view(shape)
        store.fill(positions, lengths, padded)
        return padded.to(self._device)


class BatchFeed:
    """Batches one after the other: filled on the spot from memory, one ahead in a thread from a reader.

    Attributes:
        waited: seconds that whoever takes the batches has spent waiting for them.
    """

    def __init__(self, features: Batches, device: torch.device) -> None:
        self._features = features
        self._batchers = [features.batcher(device) for _ in range(2)]
        self.waited = 0.0

    def __call__(self, batches: Sequence[IntArray]) -> Iterator[tuple[IntArray, Any]]:
        """Yield each of ``batches`` (positions) with its clips; a batch is valid until the next is asked for."""
        filled = self._on_the_spot(batches) if self._features.in_memory else self._ahead(batches)
        for positions in batches:
            started = time.perf_counter()
            batch = next(filled)
            self.waited += time.perf_counter() - started
            yield positions, batch
            kept_memory().trim()

    def _on_the_spot(self, batches: Sequence[IntArray]) -> Iterator[Any]:
        yield from map(self._batchers[0], batches)

    def _ahead(self, batches: Sequence[IntArray]) -> Iterator[Any]:
        """Two buffers in turn: while a batch is in use, the next one is read into the other."""
        with ThreadPoolExecutor(1, "emi-train-read") as pool:
            coming = pool.submit(self._batchers[0], batches[0])
            for turn in range(1, len(batches) + 1):
                batch = coming.result()
                if turn < len(batches):
                    coming = pool.submit(self._batchers[turn % 2], batches[turn])
                yield batch
