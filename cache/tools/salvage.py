"""The intact clips of a damaged shard, told by the checksums of their rows, committed again in another shard.

The new shard is of a later generation and replaces them in the damaged one. So a kill at any instant loses nothing:
before the new record the clips are where they were, afterwards they count in the new shard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from cache.commit.partition import shard_name
from cache.common.errors import CacheError
from cache.common.types import Array
from cache.copy_shard import attributes_of, content_of
from cache.format import catalog, schema
from cache.format.catalog import Description
from cache.format.checksums import crc32c
from cache.format.record import CommitRecord
from cache.format.schema import FrameField
from cache.shards.arrays import ShardArrays, row_checksums
from cache.shards.registry import get_store
from cache.shards.store import ShardFile
from cache.tools.verify import lacking
from cache.writer import CacheWriter


def salvage(path: Path, record: CommitRecord) -> tuple[str, ...]:
    """Commit the intact clips of a damaged shard again, in a shard that replaces them there.

    Clips that another shard holds as well, or replaces, are left to that one.

    Args:
        path: of the cache, all of whose records can be read.
        record: of the damaged shard, sound in itself.

    Returns:
        The ids of the clips committed now; those of an earlier call that was killed are not among them.

    Raises:
        StorageError: the disk said no; the damaged shard is as it was then.
    """
    description, records = catalog.read_description(path), catalog.read_records(path)
    wanted = set(_of_this_alone(record, records))
    try:
        shard = DamagedShard(path, record)
        kept = [row for row in shard.intact_rows(description) if record.clip_ids[row] in wanted]
    except (OSError, CacheError):
        return ()
    if not kept:
        return ()
    ids = tuple(record.clip_ids[row] for row in kept)
    generation = 1 + max(_generations(ids, [*records, *catalog.read_set_aside(path)]))
    planned = dict(zip(record.clip_ids, record.num_frames, strict=True)) | record.content.planned
    content = content_of(
        record, kept, planned={clip_id: planned[clip_id] for clip_id in ids}, generation=generation
    )
    arrays = ShardArrays(dict(shard.arrays(kept)), attributes_of(description))
    writer = CacheWriter(path, description)
    writer.commit_arrays(arrays, replace(content, supersedes=ids), shard_name(ids, generation))
    return ids


def _of_this_alone(record: CommitRecord, records: Sequence[CommitRecord]) -> Iterator[str]:
    """Yield the clips that count in this shard and in no other one."""
    replaced = catalog.superseded(records)
    elsewhere = {
        clip_id
        for other in records
        if other.name != record.name
        for clip_id in other.clip_ids
        if (other.name, clip_id) not in replaced
    }
    for clip_id in record.clip_ids:
        if clip_id not in elsewhere and (record.name, clip_id) not in replaced:
            yield clip_id


def _generations(ids: Sequence[str], records: Sequence[CommitRecord]) -> Iterator[int]:
    wanted = set(ids)
    return (record.content.generation for record in records if not wanted.isdisjoint(record.clip_ids))


class EitherFile:
    """A shard opened in two ways: each array is read in the way that gives what its checksum says, if one does."""

    def __init__(self, usual: ShardFile, other: ShardFile, record: CommitRecord) -> None:
        self._usual, self._other, self._record = usual, other, record
        self._chosen: dict[str, ShardFile] = {}

    def read(self, name: str, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` of an array in a new array."""
        if name not in self._chosen:
            self._chosen[name] = self._other if self._fits(self._other, name) else self._usual
        return self._chosen[name].read(name, start, stop)

    def read_into(self, name: str, start: int, out: Array) -> None:
        """Fill ``out`` with rows from ``start`` on."""
        out[...] = self.read(name, start, start + len(out))

    def _fits(self, file: ShardFile, name: str) -> bool:
        dataset = self._record.datasets[name]
        try:
            return crc32c(file.read(name, 0, dataset.shape[0])) == dataset.crc32c
        except (OSError, CacheError):
            return False


class DamagedShard:
    """A shard in whose file anything may be damaged; its record is sound.

    Args:
        path: of the cache.
        record: of the shard.

    Raises:
        OSError, CacheError: it cannot be opened.
    """

    def __init__(self, path: Path, record: CommitRecord) -> None:
        self._record = record
        store, file = get_store(record.store), path / catalog.SHARDS / record.file
        self._file = store.open(file, record.datasets)
        if hasattr(store, "open_supposed"):
            self._file = EitherFile(self._file, store.open_supposed(file, record.datasets), record)
        self._clip_level = sorted(name for name in record.datasets if name.startswith(schema.CLIP_LEVEL))
        self._places = list(pairwise(np.cumsum([0, *record.num_frames]).tolist()))  # (first frame, end)

    def intact_rows(self, description: Description) -> list[int]:
        """Return the rows whose every value is what was committed, and fit for a cache of this description."""
        fields = tuple(description.fields.values())
        fits = self._record.content.recipe_id == description.recipe.recipe_id
        if not fits or any(lacking(self._record, fields)):
            return []
        return [row for row in self._sound_rows() if all(self._is_intact(field, row) for field in fields)]

    def arrays(self, rows: Sequence[int]) -> Iterator[tuple[str, Array]]:
        """Yield the arrays of a new shard of some of the clips."""
        lengths = [self._record.num_frames[row] for row in rows]
        yield schema.OFFSETS, np.cumsum([0, *lengths], dtype=np.int64)
        for name in self._record.datasets:
            if name.startswith(schema.FRAMES):
                yield name, np.concatenate([self._file.read(name, *self._places[row]) for row in rows])
            elif name in self._clip_level:
                yield name, np.concatenate([self._file.read(name, row, row + 1) for row in rows])

    def _sound_rows(self) -> list[int]:
        """Return the rows whose clip-level values are sound: by their arrays' checksums, or else by their own."""
        rows = range(len(self._record.clip_ids))
        known = None
        if any(self._checked(name) is None for name in self._clip_level):
            known = self._checked(schema.ROW_CRC)
            if (
                known is None
            ):  # an earlier version's shard, or damaged there too: nothing tells the rows apart
                return []
        return [row for row in rows if self._is_sound(row, None if known is None else int(known[row]))]

    def _checked(self, name: str) -> Array | None:
        """Return an array; None where it is missing, damaged, or cannot be read."""
        dataset = self._record.datasets.get(name)
        try:
            array = self._file.read(name, 0, dataset.shape[0]) if dataset else None
        except (OSError, CacheError):
            return None
        return array if dataset and array is not None and crc32c(array) == dataset.crc32c else None

    def _is_sound(self, row: int, known: int | None) -> bool:
        """Say whether a row has its checksum, is of the clip that the record names, and has finite numbers."""
        try:
            values = {name: self._file.read(name, row, row + 1) for name in self._clip_level}
        except (OSError, CacheError):
            return False
        if known is not None and int(row_checksums(values)[0]) != known:
            return False
        is_named = values[schema.CLIPS + "clip_id"].tolist() == [self._record.clip_ids[row].encode()]
        floats = [array for array in values.values() if array.dtype.kind == "f"]
        return is_named and all(np.isfinite(array).all() for array in floats)

    def _is_intact(self, field: FrameField, row: int) -> bool:
        """Say whether a clip's frames of one field are what was committed, and finite."""
        try:
            values = self._file.read(schema.FRAMES + field.name, *self._places[row])
            [known] = self._file.read(schema.CRC + field.name, row, row + 1).tolist()
        except (OSError, CacheError):
            return False
        return crc32c(values) == known and (values.dtype.kind != "f" or bool(np.isfinite(values).all()))
