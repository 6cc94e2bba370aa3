"""The index of a cache's commit records: one file that stands for thousands of them when a cache is opened.

It saves time and decides nothing: an entry counts only while its record has the size and time that it had, what an
entry leaves out is read from the record itself, and without the file, or with a damaged one, the records are read
one by one. It can be made again from them at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

from cache.common.errors import DamagedCacheError
from cache.common.ids import is_clip_id
from cache.common.types import Array
from cache.format import own_checksum
from cache.format.checksums import crc32c
from cache.format.json_values import all_text, require_keys, whole
from cache.format.record import (
    FILE_OF_SHARD,
    SAFE_NAME,
    WAY_OUT,
    CommitRecord,
    Dataset,
    Notes,
    ShardContent,
    SourceStat,
)
from cache.format.schema import FORMAT_VERSION

FILE = "records.index"
MAGIC = b"emi-fusion record index 1\n"
SEPARATOR = "\0"  # of texts; what holds one is left out of the index
OF_SHARDS = {
    "size": "<i8", "mtime_ns": "<i8", "num_bytes": "<i8", "checksum": "<u4", "generation": "<i4",
    "has_checksum": "|u1", "store": "<i4", "recipe_id": "<i4", "plan_id": "<i4", "versions": "<i4",
    "clips": "<i8", "bytes": "<i8",
}  # fmt: skip
OF_CLIPS = {
    "num_frames": "<i8",
    "planned": "<i8",
    "source_size": "<i8",
    "source_mtime_ns": "<i8",
    "crc32c": "<u4",
}
TABLES = ("store", "recipe_id", "plan_id", "versions")
TEXTS = ("name", "file", "rest")  # one a shard
NONE = -1  # frames of a clip that was not planned; size of a source that is not known

Read = Callable[[str], CommitRecord]
"""Reads the record of a shard from its own file."""


class RecordStat(NamedTuple):
    """Size [bytes] and modification time [ns] of a record's file: an entry is of the record that had both."""

    size: int
    mtime_ns: int


class RecordIndex:
    """The entries of an index, unpacked as they are asked for.

    Attributes:
        names: of the shards.
    """

    def __init__(
        self, header: Mapping[str, Any], columns: Mapping[str, Array], blobs: Sequence[bytes], read: Read
    ) -> None:
        self.tables: dict[str, list[Any]] = {name: header["tables"][name] for name in TABLES}
        self.columns, self.read = columns, read
        self._texts = blobs[0]
        each = {name: blob.decode().split(SEPARATOR) for name, blob in zip(TEXTS, blobs[1:], strict=True)}
        self.names, self.files, self.rests = (each[name] for name in TEXTS)
        self._rows = np.concatenate([[0], np.cumsum(columns["clips"])])
        self._bytes = np.concatenate([[0], np.cumsum(columns["bytes"])])
        self.last_sources: tuple[int, dict[str, SourceStat]] = (NONE, {})
        self._require_sound()

    def _require_sound(self) -> None:
        """Raise ValueError where it promises what no record may."""
        counts = {len(self.names), len(self.files), len(self.rests), len(self.columns["size"])}
        if len(counts) != 1 or len(self.columns["num_frames"]) != self._rows[-1]:
            raise ValueError("columns of several lengths")
        if self._bytes[-1] != len(self._texts) or (self.columns["clips"] < 1).any():
            raise ValueError("a shard without clips")
        if any(
            ((codes := self.columns[name]) < 0).any() or (codes >= len(table)).any()
            for name, table in self.tables.items()
        ):
            raise ValueError("a code without a meaning")
        for name, file in zip(self.names, self.files, strict=True):
            if (
                not SAFE_NAME.fullmatch(name)
                or not FILE_OF_SHARD.fullmatch(file)
                or file.partition(".")[0] != name
            ):
                raise ValueError(f"shard {name!r} in {file!r}")

    def records(self, stats: Mapping[str, RecordStat]) -> dict[str, CommitRecord]:
        """Return the entries that are of the records as they are now, by name."""
        kept = zip(self.names, self.columns["size"].tolist(), self.columns["mtime_ns"].tolist(), strict=True)
        return {
            name: IndexedRecord(self, number)
            for number, (name, *stat) in enumerate(kept)
            if stats.get(name) == tuple(stat)
        }

    def rows(self, shard: int) -> slice:
        """Return where the clips of a shard stand in the columns."""
        return slice(int(self._rows[shard]), int(self._rows[shard + 1]))

    def texts(self, shard: int) -> list[str]:
        """Return the ids of a shard's clips, then their sources."""
        found = self._texts[int(self._bytes[shard]) : int(self._bytes[shard + 1])].decode().split(SEPARATOR)
        if len(found) != 2 * self.columns["clips"][shard] or not all(
            map(is_clip_id, found[: len(found) // 2])
        ):
            raise DamagedCacheError(f"{FILE}: shard {self.names[shard]}: no clip ids; remove the file")
        return found

    @cached_property
    def _sorted(self) -> tuple[Array, Array]:
        order = np.argsort(self.columns["crc32c"], kind="stable")
        return self.columns["crc32c"][order], order

    def shards_of(self, clip_ids: Sequence[str]) -> dict[str, list[int]]:
        """Return clip id → shards that may hold it; a search, whatever the number of clips."""
        checksums, order = self._sorted
        wanted = np.array([google_crc32c.value(clip_id.encode()) for clip_id in clip_ids], np.uint32)
        begin, end = (np.searchsorted(checksums, wanted, side).tolist() for side in ("left", "right"))
        places = (order[first:last] for first, last in zip(begin, end, strict=True))
        return {
            clip_id: (np.searchsorted(self._rows, rows, "right") - 1).tolist()
            for clip_id, rows in zip(clip_ids, places, strict=True)
        }


class IndexedRecord(CommitRecord):
    """A commit record as the index has it; what its arrays are is read from the record itself when it is needed."""

    def __init__(self, index: RecordIndex, number: int) -> None:
        columns = index.columns
        said = {
            "_index": index, "_number": number, "name": index.names[number], "file": index.files[number],
            "store": index.tables["store"][columns["store"][number]],
            "num_bytes": int(columns["num_bytes"][number]), "checksum": int(columns["checksum"][number]),
            "has_checksum": bool(columns["has_checksum"][number]),
        }  # fmt: skip
        self.__dict__.update(said)

    @cached_property
    def clip_ids(self) -> tuple[str, ...]:  # type: ignore[override]
        """In the order of their rows."""
        texts = self._index.texts(self._number)
        return tuple(texts[: len(texts) // 2])

    @cached_property
    def num_frames(self) -> tuple[int, ...]:  # type: ignore[override]
        """Frames of each of them."""
        return tuple(self._index.columns["num_frames"][self._index.rows(self._number)].tolist())

    @cached_property
    def content(self) -> ShardContent:  # type: ignore[override]
        """Plan, sources, versions and recipe id."""
        return IndexedContent(self._index, self._number)

    @cached_property
    def datasets(self) -> dict[str, Dataset]:  # type: ignore[override]
        """Every array by its path, from the record itself.

        Raises:
            DamagedCacheError: it is not the record that the index is of.
        """
        record = self._index.read(self.name)
        if (record.clip_ids, record.num_frames, record.num_bytes) != (
            self.clip_ids,
            self.num_frames,
            self.num_bytes,
        ):
            raise DamagedCacheError(f"{self.name}.json: not what {FILE} says of it; remove {FILE}; {WAY_OUT}")
        return record.datasets

    _index: RecordIndex
    _number: int


class IndexedContent(ShardContent):
    """The content of a record as the index has it; what it says of each clip is unpacked at every question."""

    def __init__(self, index: RecordIndex, number: int) -> None:
        tables, columns = index.tables, index.columns
        said = {name: tables[name][columns[name][number]] for name in ("recipe_id", "plan_id", "versions")}
        self.__dict__.update(
            said, generation=int(columns["generation"][number]), format_version=FORMAT_VERSION
        )
        self.__dict__.update(_index=index, _number=number)

    @property
    def _rest(self) -> dict[str, Any]:
        rest = self._index.rests[self._number]
        value: dict[str, Any] = json.loads(rest) if rest else {}
        return value

    @property
    def supersedes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Clips of older shards that this one replaces."""
        return all_text(self._rest.get("supersedes", []))

    @property
    def notes(self) -> dict[str, Notes]:  # type: ignore[override]
        """What is out of the ordinary in how clips were read."""
        notes: dict[str, Notes] = self._rest.get("notes", {})
        return notes

    @property
    def planned(self) -> dict[str, int]:  # type: ignore[override]
        """Clip id → expected frames."""
        frames = self._index.columns["planned"][self._index.rows(self._number)].tolist()
        texts = self._index.texts(self._number)
        done = {clip_id: count for clip_id, count in zip(texts, frames, strict=False) if count != NONE}
        return {**done, **self._rest.get("failed", {})}

    @property
    def sources(self) -> dict[str, SourceStat]:  # type: ignore[override]
        """Clip id → size and time of the file it came from."""
        number, sources = self._index.last_sources  # somebody may ask clip by clip
        if number == self._number:
            return sources
        rows, texts = self._index.rows(self._number), self._index.texts(self._number)
        sizes, times = (self._index.columns[f"source_{name}"][rows].tolist() for name in ("size", "mtime_ns"))
        each = zip(texts, texts[len(sizes) :], sizes, times, strict=False)
        sources = {
            clip_id: SourceStat(path, size, time) for clip_id, path, size, time in each if size != NONE
        }
        self._index.last_sources = self._number, sources
        return sources

    _index: RecordIndex
    _number: int


def to_bytes(records: Sequence[CommitRecord], stats: Mapping[str, RecordStat]) -> bytes:
    """Return the index of at least one record; those without a stat, or with text it cannot hold, are left out."""
    kept = [record for record in records if record.name in stats and _fits(record)]
    tables: dict[str, dict[str, int]] = {name: {} for name in TABLES}
    shards = np.array([_shard_row(record, stats[record.name], tables) for record in kept], np.int64)
    clips = np.concatenate([np.array(list(_clip_rows(record)), np.int64) for record in kept])
    columns = [shards[:, number].astype(dtype) for number, dtype in enumerate(OF_SHARDS.values())]
    columns += [clips[:, number].astype(dtype) for number, dtype in enumerate(OF_CLIPS.values())]
    blobs = [b"".join(_texts(record) for record in kept)]
    each = ([r.name for r in kept], [r.file for r in kept], [_rest(r) for r in kept])
    blobs += [SEPARATOR.join(texts).encode() for texts in each]
    body = b"".join([*(column.tobytes() for column in columns), *blobs])
    header = {
        "shards": len(kept), "clips": len(clips), "blobs": [len(blob) for blob in blobs],
        "tables": {name: [json.loads(value) for value in table] for name, table in tables.items()},
        "body_crc32c": google_crc32c.value(body),
    }  # fmt: skip
    return MAGIC + own_checksum.to_bytes(header) + body


def from_bytes(data: bytes, read: Read) -> RecordIndex:
    """Read an index; raises ValueError, KeyError or TypeError for anything but the whole of one."""
    end = data.index(b"\n", len(MAGIC)) + 1
    header, has_checksum = own_checksum.from_bytes(data[len(MAGIC) : end])
    require_keys(header, {"shards", "clips", "blobs", "tables", "body_crc32c"}, exactly=False)
    body = memoryview(data)[end:]
    if (
        not data.startswith(MAGIC)
        or not has_checksum
        or crc32c(np.frombuffer(body, np.uint8)) != header["body_crc32c"]
    ):
        raise ValueError("its checksum does not match")
    counts = {
        **dict.fromkeys(OF_SHARDS, whole(header["shards"])),
        **dict.fromkeys(OF_CLIPS, whole(header["clips"])),
    }
    columns, position = {}, 0
    for name, dtype in {**OF_SHARDS, **OF_CLIPS}.items():
        columns[name] = np.frombuffer(body, dtype, counts[name], position)
        position += columns[name].nbytes
    ends = list(accumulate(map(whole, header["blobs"]), initial=position))
    if ends[-1] != len(body):
        raise ValueError("bytes beyond its end")
    blobs = [bytes(body[begin:end]) for begin, end in pairwise(ends)]
    return RecordIndex(header, columns, blobs, read)


def _fits(record: CommitRecord) -> bool:
    sources = record.content.sources
    texts = (source.path for source in sources.values())
    return sources.keys() <= set(record.clip_ids) and not any(SEPARATOR in path for path in texts)


def _shard_row(
    record: CommitRecord, stat: RecordStat, tables: Mapping[str, dict[str, int]]
) -> tuple[int, ...]:
    content = record.content
    said = {
        "store": record.store,
        "recipe_id": content.recipe_id,
        "plan_id": content.plan_id,
        "versions": content.versions,
    }
    codes = [tables[name].setdefault(json.dumps(said[name]), len(tables[name])) for name in TABLES]
    sizes = len(record.clip_ids), len(_texts(record))
    own = record.num_bytes, record.checksum, content.generation, int(record.has_checksum)
    return *stat, *own, *codes, *sizes


def _clip_rows(record: CommitRecord) -> Iterator[tuple[int, ...]]:
    planned, sources = record.content.planned, record.content.sources
    unknown = SourceStat("", NONE, 0)
    for clip_id, frames in zip(record.clip_ids, record.num_frames, strict=True):
        source = sources.get(clip_id, unknown)
        checksum = google_crc32c.value(clip_id.encode())
        yield frames, planned.get(clip_id, NONE), source.size, source.mtime_ns, checksum


def _texts(record: CommitRecord) -> bytes:
    """Return the ids of a shard's clips and their sources."""
    sources = record.content.sources
    paths = [sources[clip_id].path if clip_id in sources else "" for clip_id in record.clip_ids]
    return SEPARATOR.join([*record.clip_ids, *paths]).encode()


def _rest(record: CommitRecord) -> str:
    """Return what few records have."""
    content = record.content
    here = set(record.clip_ids)
    failed = {clip_id: frames for clip_id, frames in content.planned.items() if clip_id not in here}
    rest = {"supersedes": content.supersedes, "notes": content.notes, "failed": failed}
    said = {name: value for name, value in rest.items() if value}
    return json.dumps(said) if said else ""
