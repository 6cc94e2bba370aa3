"""Gives the trainer what a cache holds: whole clips, checked, straight from the recorded place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.column import Column
from cache.common.errors import DamagedCacheError, DuplicateClipError, UnknownClipError, UnknownFieldError
from cache.format import catalog, schema
from cache.format.checksums import crc32c
from cache.format.recipe import recipe_id
from cache.format.record import CommitRecord
from cache.format.schema import FrameField
from cache.shards.quantise import dequantise
from cache.shards.store import ShardFile, get_store

Array = NDArray[Any]
CLIP_LEVEL = (schema.GLOBAL_MEAN, schema.CLIPS, schema.SCALE, schema.OFFSET)


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
        self.path = Path(path)
        self.description = catalog.read_description(self.path)
        self.recipe = self.description.recipe
        self.recipe_id = recipe_id(self.recipe)
        self.frame_fields: dict[str, FrameField] = self.description.fields
        self.records = catalog.read_records(self.path)
        self._place = _index(self.records, self.path, settle)
        self._open: dict[int, ShardFile] = {}  # cache.shards.open_files bounds how many of them hold a handle
        self._columns: dict[tuple[int, str], Column] = {}
        self._tables: dict[tuple[int, str], Array] = {}

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
        self._open.clear()
        self._columns.clear()

    def num_frames(self, clip_id: str) -> int:
        """Return the clip's number of frames."""
        shard, row = self._locate(clip_id)
        return self.records[shard].num_frames[row]

    def __getitem__(self, clip_id: str) -> Clip:
        frames = {
            name: (self.read_values if field.quantised else self.read_frames)(clip_id, name)
            for name, field in self.frame_fields.items()
        }
        mean = {name: self._row(clip_id, schema.GLOBAL_MEAN + name) for name in self.frame_fields}
        names = [name for name in self._clip_level_names() if not name.startswith(schema.CRC)]
        clip = {name.removeprefix(schema.CLIPS): self._row(clip_id, name) for name in names}
        return Clip(clip_id, frames, mean, clip)

    def read_frames(self, clip_id: str, field: str) -> Array:
        """Return a frame field of a clip, (num_frames, width) in the stored dtype."""
        shard, row = self._locate(clip_id)
        column = self._columns.get((shard, field)) or self._column(shard, field)
        out = np.empty((column.lengths[row], column.width), column.dtype)
        column.read(row, out)
        return out

    def read_into(self, clip_id: str, field: str, out: Array) -> None:
        """Fill ``out``, C-contiguous (num_frames, width) of the stored dtype, without a new allocation.

        Raises:
            DamagedCacheError: the bytes are not those that were committed.
        """
        shard, row = self._locate(clip_id)
        column = self._columns.get((shard, field)) or self._column(shard, field)
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
        scale, offset = (self._table(shard, prefix + field) for prefix in (schema.SCALE, schema.OFFSET))
        return scale[row], offset[row]

    def read_values(self, clip_id: str, field: str) -> Array:
        """Return a frame field of a clip as numbers, (num_frames, width) float32, whatever is stored."""
        stored = self.read_frames(clip_id, field)
        found = self.scale_offset(clip_id, field)
        return stored.astype(np.float32, copy=False) if found is None else dequantise(stored, *found)

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
        parts = {shard: self._whole(shard, name) for shard in needed}
        first = np.cumsum([0, *(len(parts[shard]) for shard in needed)])
        base = dict(zip(needed, first.tolist(), strict=False))
        rows = np.array([base[shard] + row for shard, row in places])
        table = np.concatenate([parts[shard] for shard in needed])[rows]
        return np.char.decode(table, "utf-8") if table.dtype.kind == "S" else table

    def place(self, clip_id: str) -> tuple[int, int]:
        """Return (shard, row) of the values that count for a clip; the shard is an index into ``records``."""
        return self._locate(clip_id)

    def shard_array(self, shard: int, name: str) -> Array:
        """Return an array of a shard as it is stored, all rows, its checksum checked."""
        dataset = self.records[shard].datasets.get(name)
        if dataset is None:
            raise UnknownFieldError(f"{self._where(shard)} holds no {name!r}")
        array = self._file(shard).read(name, 0, dataset.shape[0])
        if crc32c(array) != dataset.crc32c:
            raise DamagedCacheError(
                f"{self._where(shard)}: {name}: checksum does not match; emi-cache verify lists all damage"
            )
        return array

    def _row(self, clip_id: str, name: str) -> Any:
        return self.clip_table(name, [clip_id])[0]

    def _clip_level_names(self) -> list[str]:
        return [name for name in self.records[0].datasets if name.startswith(schema.CLIPS)]

    def _field(self, name: str) -> FrameField:
        if name not in self.frame_fields:
            raise UnknownFieldError(
                f"{self.path} holds no frame field {name!r}, only {', '.join(self.frame_fields)}"
            )
        return self.frame_fields[name]

    def _column(self, shard: int, name: str) -> Column:
        """Return a frame field of a shard, if its record promises it as ``cache.json`` does."""
        field, record, path = self._field(name), self.records[shard], self._where(shard)
        dataset = record.datasets.get(schema.FRAMES + name)
        if dataset is None or dataset.shape[1:] != (field.width,) or dataset.numpy_dtype != field.dtype:
            raise DamagedCacheError(
                f"{path}: frames/{name} is not {field.dtype.name} of width {field.width}, as "
                "cache.json says; emi-cache verify lists all damage"
            )
        column = Column(self._file(shard), path, record, field, self._table(shard, schema.CRC + name))
        return self._columns.setdefault((shard, name), column)

    def _locate(self, clip_id: str) -> tuple[int, int]:
        place = self._place.get(clip_id)
        if place is None:
            raise UnknownClipError(f"clip {clip_id!r} is not in {self.path} ({len(self)} clips)")
        return place

    def _where(self, shard: int) -> Path:
        return self.path / catalog.SHARDS / self.records[shard].file

    def _file(self, shard: int) -> ShardFile:
        # No lock, which a fork might take over held: of two threads that open it, one lets go of its own again.
        return self._open.get(shard) or self._open.setdefault(shard, self._open_shard(shard))

    def _open_shard(self, shard: int) -> ShardFile:
        record, path = self.records[shard], self._where(shard)
        store = get_store(record.store)
        try:
            size = store.num_bytes(path)
            if size != record.num_bytes:
                raise DamagedCacheError(
                    f"{path}: {size} bytes, its commit record promises {record.num_bytes} "
                    f"(first clip {record.clip_ids[0]}); emi-cache verify lists all damage"
                )
            return store.open(path, record.datasets)
        except OSError as error:
            raise DamagedCacheError(
                f"{path}: {error.strerror or error} (first clip {record.clip_ids[0]}); "
                "emi-cache verify lists all damage"
            ) from None

    def _whole(self, shard: int, name: str) -> Array:
        dataset = self.records[shard].datasets.get(name)
        if dataset is None or not name.startswith(CLIP_LEVEL):
            known = [key for key in self.records[shard].datasets if not key.startswith(schema.FRAMES)]
            raise UnknownFieldError(
                f"{self._where(shard)} holds no clip-level field {name!r}, only {', '.join(known)}"
            )
        return self.shard_array(shard, name)

    def _table(self, shard: int, name: str) -> Array:
        """Keep small tables that are asked for clip by clip."""
        key = (shard, name)
        if key not in self._tables:
            self._tables[key] = self._whole(shard, name)
        return self._tables[key]


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
