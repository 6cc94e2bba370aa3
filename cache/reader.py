"""The reader of a cache: its clips by id, whole and checked, and tables with one row per clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.column import Column
from cache.common.errors import DuplicateClipError, UnknownClipError, UnknownFieldError
from cache.common.registry import near_miss
from cache.common.storage.url_path import UrlPath, in_threads, place
from cache.common.types import Array
from cache.format import catalog, schema
from cache.format.record import CommitRecord
from cache.format.schema import FrameField
from cache.open_shard import OpenShard, as_text
from cache.shards.quantise import dequantise


@dataclass(frozen=True)
class Clip:
    """One clip as the cache holds it.

    Attributes:
        clip_id: its id.
        frames: frame field → (num_frames, width), stored dtype; float32 where int8 is stored.
        global_mean: frame field → (width,) float32.
        clip: clip-level fields, for example ``vad`` (3,) float32, ``duration``, ``rms_db``.
    """

    clip_id: str
    frames: dict[str, Array]
    global_mean: dict[str, Array]
    clip: dict[str, Any]


class CacheReader:
    """Reads the committed shards of a cache; safe in threads, after fork, and while writers go on.

    Knows all clips from the commit records alone. What is committed later is seen by a new reader.

    Args:
        path: of the cache.
        settle: take the latest of two values of one clip between which nothing decides (for ``merge``).

    Raises:
        NotACacheError, FormatVersionError, DamagedCacheError: the folder is no cache we can read.
        DuplicateClipError: one clip id in two shards, and nothing says which one counts.
    """

    def __init__(self, path: Path | str, *, settle: bool = False) -> None:
        self.path = place(path)
        self.description = catalog.read_description(self.path)
        self.recipe = self.description.recipe
        self.recipe_id = self.recipe.recipe_id
        self.frame_fields: dict[str, FrameField] = self.description.fields
        self.records = catalog.read_records(self.path)
        catalog.require_recipe(self.path, self.records, self.recipe_id)
        catalog.say_unchecked(self.path, self.description, self.records)
        self._place = _index(self.records, self.path, settle)
        # cache.shards.open_files bounds how many of them hold a handle
        self._shards = [OpenShard(self.path / catalog.SHARDS / r.file, r) for r in self.records]

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """All clips, in the order of shards and rows."""
        return tuple(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._place

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __enter__(self) -> CacheReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the open files; reading again opens them again."""
        for shard in self._shards:
            shard.close()

    @property
    def clip_level_names(self) -> list[str]:
        """The arrays with one row per clip, ``global_mean/…``, ``clips/…``, of all shards."""
        return list(dict.fromkeys(name for shard in self._shards for name in shard.clip_level_names))

    def num_frames(self, clip_id: str) -> int:
        """Return the clip's number of frames."""
        shard, row = self._locate(clip_id)
        return self.records[shard].num_frames[row]

    def __getitem__(self, clip_id: str) -> Clip:
        number, row = self._locate(clip_id)
        shard = self._shards[number]
        frames = {
            name: (self.read_values if field.quantised else self.read_frames)(clip_id, name)
            for name, field in self.frame_fields.items()
        }
        mean = {name: shard.row(schema.GLOBAL_MEAN + name, row) for name in self.frame_fields}
        clip = {
            name.removeprefix(schema.CLIPS): shard.row(name, row)
            for name in shard.clip_level_names
            if name.startswith(schema.CLIPS) and not name.startswith(schema.CRC)
        }
        return Clip(clip_id, frames, mean, clip)

    def read_frames(self, clip_id: str, field: str) -> Array:
        """Return a frame field of a clip, (num_frames, width) in the stored dtype."""
        shard, row = self._locate(clip_id)
        column = self._shards[shard].columns.get(field) or self._column(shard, field)
        out = np.empty((column.lengths[row], column.width), column.dtype)
        column.read(row, out)
        return out

    def read_into(self, clip_id: str, field: str, out: Array) -> None:
        """Fill ``out``, C-contiguous (num_frames, width) of the stored dtype, without a new allocation.

        Raises:
            DamagedCacheError: the bytes are not those that were committed.
        """
        shard, row = self._locate(clip_id)
        column = self._shards[shard].columns.get(field) or self._column(shard, field)
        if out.shape != (column.lengths[row], column.width) or not out.flags.c_contiguous:
            expected = column.lengths[row], column.width
            raise ValueError(f"buffer of shape {out.shape}, expected C-contiguous {expected}")
        column.read(row, out)

    def scale_offset(self, clip_id: str, field: str) -> tuple[Array, Array] | None:
        """Return scale and offset, (width,) float16 each, of a field stored as int8; else None.

        ``stored * scale + offset`` is the number.
        """
        if not self._field(field).quantised:
            return None
        shard, row = self._locate(clip_id)
        scale, offset = (self._shards[shard].kept(prefix + field) for prefix in (schema.SCALE, schema.OFFSET))
        return scale[row], offset[row]

    def read_values(self, clip_id: str, field: str) -> Array:
        """Return a frame field of a clip as numbers, (num_frames, width) float32, whatever is stored."""
        stored = self.read_frames(clip_id, field)
        quantisation = self.scale_offset(clip_id, field)
        return (
            stored.astype(np.float32, copy=False)
            if quantisation is None
            else dequantise(stored, *quantisation)
        )

    def require_fields(self, names: Sequence[str]) -> None:
        """Raise UnknownFieldError unless the cache holds all these frame fields."""
        for name in names:
            self._field(name)

    def clip_table(self, name: str, clip_ids: Sequence[str] | None = None) -> Array:
        """Return one row per clip of a ``global_mean/…`` or ``clips/…`` field; text as numpy text.

        Args:
            name: path of the field, for example ``global_mean/vad`` or ``clips/duration``.
            clip_ids: which clips, in which order; default all, in the order of ``clip_ids``.
        """
        places = [self._locate(clip_id) for clip_id in (self.clip_ids if clip_ids is None else clip_ids)]
        needed = sorted({shard for shard, _ in places})
        if not needed:
            return np.empty((0,))
        parts = dict(zip(needed, self._all_of(name, needed), strict=True))
        first = np.cumsum([0, *(len(parts[shard]) for shard in needed)])
        base = dict(zip(needed, first.tolist(), strict=False))
        rows = np.array([base[shard] + row for shard, row in places])
        return as_text(np.concatenate([parts[shard] for shard in needed])[rows])

    def _all_of(self, name: str, shards: Sequence[int]) -> list[Array]:
        """Return a clip-level field of some shards; those behind a URL are asked for together."""
        if isinstance(self.path, UrlPath):
            return in_threads(lambda shard: self._shards[shard].clip_level(name), shards)
        return [self._shards[shard].clip_level(name) for shard in shards]

    def place(self, clip_id: str) -> tuple[int, int]:
        """Return (shard, row) of the values that count for a clip; the shard is an index into ``records``."""
        return self._locate(clip_id)

    def shard_array(self, shard: int, name: str) -> Array:
        """Return an array of a shard as it is stored, all rows, its checksum checked."""
        return self._shards[shard].array(name)

    def _field(self, name: str) -> FrameField:
        if name not in self.frame_fields:
            raise UnknownFieldError(
                f"{self.path} holds no frame field {name!r}, only {', '.join(self.frame_fields)}"
                f"{near_miss(name, self.frame_fields)}"
            )
        return self.frame_fields[name]

    def _column(self, shard: int, name: str) -> Column:
        return self._shards[shard].column(self._field(name))

    def _locate(self, clip_id: str) -> tuple[int, int]:
        place = self._place.get(clip_id)
        if place is None:
            raise UnknownClipError(f"clip {clip_id!r} is not in {self.path} ({len(self)} clips)")
        return place


def _index(records: Sequence[CommitRecord], path: Path, settle: bool) -> dict[str, tuple[int, int]]:
    replaced = catalog.superseded(records)
    place: dict[str, tuple[int, int]] = {}
    for shard, record in enumerate(records):
        for row, clip_id in enumerate(record.clip_ids):
            if (record.name, clip_id) in replaced:
                continue
            if clip_id in place:
                first = records[place[clip_id][0]]
                if not settle:
                    raise DuplicateClipError(
                        f"{path}: clip {clip_id} stands in shards {first.name} and {record.name}; "
                        f"emi-cache merge {path} --out NEW keeps one"
                    )
                if first.priority(clip_id) >= record.priority(clip_id):
                    continue
            place[clip_id] = (shard, row)
    return place
