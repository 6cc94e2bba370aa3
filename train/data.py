"""Features in clips → extract → cache → train → intensities, from the cache to padded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache import CacheReader
from train.config import FitConfig
from train.errors import ConfigError
from train.machine import free_memory

IntArray = npt.NDArray[np.int64]

MEMORY_SHARE = 0.5  # of the memory that is free now; the other half is for the head and its gradients
LENGTH_JITTER = 0.1  # so that clips of like length do not meet in the same batch every epoch


@dataclass(frozen=True)
class Inputs:
    """Which cached fields feed a head, in the order in which they are joined.

    Attributes:
        fields: frame fields, for example ("hidden_states/12", "vad").
        widths: channels of each.
    """

    fields: tuple[str, ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        """Channels of a joined frame."""
        return sum(self.widths)


def choose_inputs(reader: CacheReader, layer: int | None, vad: bool) -> Inputs:
    """Find the cached fields that a config asks for.

    Raises:
        ConfigError: if the cache has no such layer, or no vad.
    """
    names = [_main_field(reader, layer)]
    if vad:
        if "vad" not in reader.frame_fields:
            found = ", ".join(reader.frame_fields)
            raise ConfigError(
                f"{reader.path}: no vad in this cache, found {found}; switch it off with --no-vad"
            )
        names.append("vad")
    fields = [reader.frame_fields[name] for name in names]
    return Inputs(tuple(names), tuple(field.width for field in fields))


def _main_field(reader: CacheReader, layer: int | None) -> str:
    prefix = "hidden_states/"
    layers = sorted(int(name.removeprefix(prefix)) for name in reader.frame_fields if name.startswith(prefix))
    others = [name for name in reader.frame_fields if not name.startswith(prefix) and name != "vad"]
    if layers:
        if layer is not None and layer not in layers:
            found = ", ".join(map(str, layers))
            raise ConfigError(
                f"{reader.path}: layer {layer} is not in this cache, found {found}; choose one with --layer"
            )
        return f"{prefix}{layers[-1] if layer is None else layer}"
    if layer is not None:
        raise ConfigError(
            f"{reader.path}: no encoder layers in this cache, found {', '.join(others)}; leave --layer out"
        )
    if len(others) != 1:
        found = ", ".join(others) or "none"
        raise ConfigError(f"{reader.path}: expected hidden states or one other frame field, found {found}")
    return others[0]


class FrameStore(Protocol):
    """Gives a clip's joined frames."""

    def copy_into(self, clip: int, out: Tensor) -> None:
        """Write the frames of the clip at position ``clip`` into ``out`` (frames, width) float32."""
        ...


class MemoryFrames:
    """All frames in memory, one flat array per field in its stored dtype, converted as a batch is filled."""

    def __init__(
        self, reader: CacheReader, clip_ids: Sequence[str], inputs: Inputs, told: Callable[[int], None]
    ) -> None:
        lengths = [reader.num_frames(clip_id) for clip_id in clip_ids]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - np.array(lengths)
        arrays = [
            np.empty((sum(lengths), reader.frame_fields[field].width), reader.frame_fields[field].dtype)
            for field in inputs.fields
        ]
        for position, clip_id in enumerate(clip_ids):
            for field, array in zip(inputs.fields, arrays, strict=True):
                reader.read_into(clip_id, field, array[self._starts[position] : self._ends[position]])
            told(position + 1)
        self._flat = [torch.from_numpy(array) for array in arrays]

    def copy_into(self, clip: int, out: Tensor) -> None:
        """Write the frames of the clip at position ``clip`` into ``out``."""
        _join((flat[self._starts[clip] : self._ends[clip]] for flat in self._flat), out)


class ReaderFrames:
    """Frames read from the cache batch by batch, for a cache larger than memory."""

    def __init__(self, reader: CacheReader, clip_ids: Sequence[str], inputs: Inputs) -> None:
        self._reader = reader
        self._clip_ids = clip_ids
        self._fields = inputs.fields
        longest = max(map(reader.num_frames, clip_ids))
        described = [reader.frame_fields[field] for field in inputs.fields]
        self._scratch = [np.empty((longest, field.width), field.dtype) for field in described]

    def copy_into(self, clip: int, out: Tensor) -> None:
        """Write the frames of the clip at position ``clip`` into ``out``."""
        parts = [scratch[: len(out)] for scratch in self._scratch]
        for field, part in zip(self._fields, parts, strict=True):
            self._reader.read_into(self._clip_ids[clip], field, part)
        _join((torch.from_numpy(part) for part in parts), out)


@dataclass(frozen=True)
class Features:
    """What a head sees of some clips, position by position.

    Attributes:
        clip_ids: (clips,).
        lengths: (clips,) frames.
        frames: where the joined frames come from; None without LSTM.
        global_mean: (clips, width) float32; None without global mean.
        width: channels of a frame and of the global mean.
        in_memory: whether the frames stay in memory.
    """

    clip_ids: tuple[str, ...]
    lengths: IntArray
    frames: FrameStore | None
    global_mean: Tensor | None
    width: int
    in_memory: bool


def load_features(
    reader: CacheReader,
    clip_ids: Sequence[str],
    config: FitConfig,
    budget: float | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Features:
    """Get the features of some clips ready: in memory, in their stored dtype, when they fit.

    Args:
        reader: the cache; stays open as long as the features are in use.
        clip_ids: clips, all of them in the cache.
        config: layer and switches.
        budget: bytes that may be used; default: half of the memory that is free.
        told: called with the number of clips read.

    Raises:
        ConfigError: if the cache has not the fields that the config asks for.
    """
    inputs = choose_inputs(reader, config.layer, config.vad)
    lengths = np.array([reader.num_frames(clip_id) for clip_id in clip_ids], dtype=np.int64)
    per_frame = sum(
        reader.frame_fields[f].width * reader.frame_fields[f].dtype.itemsize for f in inputs.fields
    )
    fits = int(lengths.sum()) * per_frame <= (free_memory() * MEMORY_SHARE if budget is None else budget)
    frames: FrameStore | None = None
    if config.lstm:
        frames = (
            MemoryFrames(reader, clip_ids, inputs, told) if fits else ReaderFrames(reader, clip_ids, inputs)
        )
    means = None
    if config.global_mean:
        tables = [reader.clip_table(f"global_mean/{field}", clip_ids) for field in inputs.fields]
        means = torch.from_numpy(np.concatenate(tables, axis=1).astype(np.float32, copy=False))
    return Features(tuple(clip_ids), lengths, frames, means, inputs.width, fits)


class Batch(NamedTuple):
    """Some clips, padded to the longest.

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
        shape = (len(positions), int(lengths.max()), self._features.width)
        size = shape[0] * shape[1] * shape[2]
        if self._buffer.numel() < size:
            self._buffer = torch.empty(size)
        padded = self._buffer[:size].view(shape)
        for row, (clip, length) in enumerate(zip(positions, lengths, strict=True)):
            store.copy_into(int(clip), padded[row, :length])
            padded[row, length:].zero_()
        return padded.to(self._device)


def epoch_batches(
    lengths: IntArray, batch_size: int, seed: int, epoch: int, by_length: bool = True
) -> list[IntArray]:
    """Divide clips into the shuffled batches of one epoch.

    The order comes from ``(seed, epoch)`` alone, so that a resumed run needs no state of a generator.

    Args:
        lengths: (clips,) frames.
        batch_size: clips per batch; one batch of the epoch may be smaller.
        seed: of the run.
        epoch: from 0.
        by_length: clips of like length share a batch, which saves padding;
            without, every batch is a fair draw, as correlation losses need it.

    Returns:
        Positions into ``lengths``, every clip once.
    """
    rng = np.random.default_rng([seed, 2, epoch])
    order = rng.permutation(len(lengths))
    if by_length:
        jittered = np.log(lengths[order]) + rng.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(order))
        order = order[np.argsort(jittered, kind="stable")]
    sizes = [batch_size] * (len(order) // batch_size)
    if len(order) % batch_size:
        sizes.insert(int(rng.integers(len(sizes) + 1)), len(order) % batch_size)
    batches = np.split(order, np.cumsum(sizes)[:-1])
    return [batches[i].astype(np.int64) for i in rng.permutation(len(batches))]


def scoring_batches(lengths: IntArray, batch_size: int) -> list[IntArray]:
    """Divide clips into batches of like length, always the same."""
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _join(parts: Iterable[Tensor], out: Tensor) -> None:
    start = 0
    for part in parts:
        out[:, start : start + part.shape[1]].copy_(part)
        start += part.shape[1]
