"""One clip's features on their way in, checked, and many clips' features as the arrays of one shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np

from cache.common.errors import InvalidValueError
from cache.common.ids import is_clip_id
from cache.common.types import Array
from cache.format import schema
from cache.format.checksums import crc32c, crc32c_of_whole
from cache.format.record import Dataset
from cache.format.schema import FrameField
from cache.shards.quantise import quantise


@dataclass(frozen=True)
class ClipFeatures:
    """Everything extract knows about one clip.

    Attributes:
        clip_id: text id.
        frames: frame field → (frames, width), any float dtype; cast or quantised on the way in.
        global_mean: frame field → (width,) float32, the mean of the frames before that cast.
        num_samples: samples at 16 kHz the features were computed from.
        rms_db: loudness re full scale [dB].
        audio_sha256: of those samples as little-endian float32.
        clip: clip-level outputs, for example ``{"vad": (3,)}`` float32.
        source: file, relative to the source folder.
        source_bytes: size of that file [bytes].
        source_mtime_ns: its modification time [ns].
        start: where the clip starts in the file [s].
        cut: whether the clip went on after max-seconds.
        windowed: whether it was too long for whole-clip attention, so that its values are an approximation.
        notes: what is out of the ordinary in how it was read; kept in the commit record.
    """

    clip_id: str
    frames: Mapping[str, Array]
    global_mean: Mapping[str, Array]
    num_samples: int
    rms_db: float
    audio_sha256: str
    clip: Mapping[str, Array]
    source: str = ""
    source_bytes: int = 0
    source_mtime_ns: int = 0
    start: float = 0.0
    cut: bool = False
    windowed: bool = False
    notes: Mapping[str, float | int | str] = dataclass_field(default_factory=dict)

    @property
    def num_frames(self) -> int:
        """Frames of the clip, the same in every frame field."""
        return len(next(iter(self.frames.values())))


@dataclass(frozen=True)
class ShardArrays:
    """The arrays of one shard.

    Attributes:
        arrays: by their path.
        attributes: what the frame fields say about themselves.
        checksums: crc32c of arrays where it is known already.
    """

    arrays: dict[str, Array]
    attributes: dict[str, dict[str, Any]]
    checksums: dict[str, int] = dataclass_field(default_factory=dict)

    def crc32c(self, name: str) -> int:
        """Return the crc32c of an array's bytes."""
        known = self.checksums.get(name)
        return crc32c(self.arrays[name]) if known is None else known

    @property
    def datasets(self) -> dict[str, Dataset]:
        """What the arrays are, wherever they are stored."""
        return {
            name: Dataset(array.shape, array.dtype.str, None, self.crc32c(name))
            for name, array in self.arrays.items()
        }

    def with_row_checksums(self) -> ShardArrays:
        """Return the same with the checksums that tell the intact clips of a damaged shard."""
        arrays = {name: array for name, array in self.arrays.items() if name != schema.ROW_CRC}
        arrays[schema.ROW_CRC] = row_checksums(arrays)
        known = {name: self.crc32c(name) for name in arrays if name in self.arrays}
        return ShardArrays(arrays, self.attributes, known)


def text_array(values: Sequence[str]) -> Array:
    """Return text as fixed-width UTF-8 bytes: readable everywhere, never an object array."""
    encoded = [value.encode() for value in values]
    width = max([1, *map(len, encoded)])
    return np.array(encoded, dtype=f"S{width}")


def check_clip(clip: ClipFeatures, fields: Sequence[FrameField]) -> None:
    """Raise ``InvalidValueError`` unless every value may enter a cache with these fields."""
    where = f"clip {clip.clip_id}"
    if not is_clip_id(clip.clip_id):
        raise InvalidValueError("shape", f"{clip.clip_id!r} is no clip id: empty, a path upwards, or no text")
    if set(clip.frames) != {field.name for field in fields} or set(clip.global_mean) != set(clip.frames):
        raise InvalidValueError(
            "shape",
            f"{where}: fields {sorted(clip.frames)}, expected {sorted(field.name for field in fields)}",
        )
    for field in fields:
        shape, mean = clip.frames[field.name].shape, clip.global_mean[field.name].shape
        if shape != (clip.num_frames, field.width) or mean != (field.width,) or not clip.num_frames:
            raise InvalidValueError(
                "shape",
                f"{where}, {field.name}: shapes {shape} and {mean}, "
                f"expected ({clip.num_frames or 'at least 1'}, {field.width}) and ({field.width},)",
            )
        _check_values(clip.frames[field.name], field, f"{where}, {field.name}")
        _check_values(clip.global_mean[field.name], field, f"{where}, global mean of {field.name}")
    for name, values in clip.clip.items():
        if not np.isfinite(values).all():
            raise InvalidValueError("non_finite", f"{where}, clips/{name}: a value is not finite")


def _check_values(values: Array, field: FrameField, where: str) -> None:
    largest = _largest(values)
    if not np.isfinite(largest):
        raise InvalidValueError("non_finite", f"{where}: a value is not finite")
    if field.dtype in (np.float16, np.int8) and largest >= schema.FLOAT16_LIMIT:
        raise InvalidValueError(
            "overflow", f"{where}: {largest:g} does not fit float16 (limit {schema.FLOAT16_LIMIT:g})"
        )


def _largest(values: Array) -> float:
    """Return the largest magnitude; infinity or NaN if there is one."""
    if values.dtype == np.float16:  # numpy computes it in software; its bits are ordered like the numbers
        bits = np.bitwise_and(values.view(np.uint16), 0x7FFF).max(initial=0)
        return float(np.uint16(bits).view(np.float16))
    return float(max(values.max(), -values.min()))


def shard_arrays(clips: Sequence[ClipFeatures], fields: Sequence[FrameField]) -> ShardArrays:
    """Lay the clips out as flat ragged arrays (cache/schema.py names them).

    Raises:
        InvalidValueError: a value or shape that must not enter a cache.
    """
    for clip in clips:
        check_clip(clip, fields)
    lengths = [clip.num_frames for clip in clips]
    arrays: dict[str, Array] = {schema.OFFSETS: np.cumsum([0, *lengths], dtype=np.int64)}
    for field in fields:
        arrays |= frame_arrays(field, [clip.frames[field.name] for clip in clips])
        arrays[schema.GLOBAL_MEAN + field.name] = np.stack(
            [clip.global_mean[field.name] for clip in clips]
        ).astype(np.float32, copy=False)
    arrays.update(_clip_arrays(clips))
    attributes = {schema.FRAMES + field.name: field.attributes() for field in fields}
    return ShardArrays(arrays, attributes, frame_checksums(arrays, fields))


def frame_checksums(arrays: Mapping[str, Array], fields: Sequence[FrameField]) -> dict[str, int]:
    """Return the crc32c of the frame arrays, from those of their clips."""
    lengths = np.diff(arrays[schema.OFFSETS])
    return {
        schema.FRAMES + field.name: crc32c_of_whole(
            arrays[schema.CRC + field.name], lengths * field.bytes_per_frame
        )
        for field in fields
    }


def row_checksums(arrays: Mapping[str, Array]) -> Array:
    """Return each clip's crc32c over its rows of the arrays with one row per clip, in the order of their names."""
    names = sorted(name for name in arrays if name.startswith(schema.CLIP_LEVEL))
    rows = [np.ascontiguousarray(arrays[name]) for name in names]
    whole = np.concatenate([row.view(np.uint8).reshape(len(row), -1) for row in rows], axis=1)
    return np.array([crc32c(row) for row in whole], dtype=np.uint32)


def frame_arrays(field: FrameField, clips: Sequence[Array]) -> dict[str, Array]:
    """Return the arrays of one frame field from the values of each clip, (frames, width) any float."""
    arrays: dict[str, Array] = {}
    if field.quantised:
        parts = [quantise(values) for values in clips]
        rows = [stored for stored, _, _ in parts]
        arrays[schema.SCALE + field.name] = np.stack([scale for _, scale, _ in parts])
        arrays[schema.OFFSET + field.name] = np.stack([offset for _, _, offset in parts])
    else:
        rows = list(clips)
    flat = np.concatenate(rows, dtype=field.dtype, casting="same_kind")
    ends = np.cumsum([len(row) for row in rows])[:-1]
    arrays[schema.FRAMES + field.name] = flat
    arrays[schema.CRC + field.name] = np.array([crc32c(row) for row in np.split(flat, ends)], dtype=np.uint32)
    return arrays


def _clip_arrays(clips: Sequence[ClipFeatures]) -> dict[str, Array]:
    samples = np.array([clip.num_samples for clip in clips], dtype=np.int64)
    rms_db = np.array([max(clip.rms_db, schema.SILENCE_DB) for clip in clips], dtype=np.float32)
    columns: dict[str, Array] = {
        "clip_id": text_array([clip.clip_id for clip in clips]),
        "source": text_array([clip.source for clip in clips]),
        "start": np.array([clip.start for clip in clips], dtype=np.float64),
        "num_samples": samples,
        "duration": samples / schema.SAMPLING_RATE,
        "rms_db": rms_db,
        "audio_sha256": text_array([clip.audio_sha256 for clip in clips]),
        "cut": np.array([clip.cut for clip in clips], dtype=np.bool_),
        "windowed": np.array([clip.windowed for clip in clips], dtype=np.bool_),
        "silent": rms_db <= schema.SILENCE_DB,
    }
    for name in clips[0].clip:
        columns[name] = np.stack([clip.clip[name] for clip in clips]).astype(np.float32, copy=False)
    return {schema.CLIPS + name: values for name, values in columns.items()}
