"""The index of a cache's commit records: one file that stands for thousands of them when a cache is opened.

It saves time and decides nothing: an entry counts only while its record has the size and time that it had, and
without the file, or with a damaged one, the records are read one by one. It can always be made again from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

from cache.common.errors import DamagedCacheError
from cache.common.ids import is_clip_id
from cache.common.types import Array
from cache.format.json_values import all_text, text, whole
from cache.format.record import (
    FILE_OF_SHARD,
    SAFE_NAME,
    CommitRecord,
    Dataset,
    Notes,
    ShardContent,
    SourceStat,
    problem_of,
)
from cache.format.schema import FORMAT_VERSION, stored_dtype

FILE = "records.index"
SEPARATOR = "\0"  # of texts; what holds one is left out of the index
OF_SHARDS = {
    "size": "<i8", "mtime_ns": "<i8", "num_bytes": "<i8", "checksum": "<u4", "generation": "<i4",
    "has_checksum": "|u1", "store": "<i4", "recipe_id": "<i4", "plan_id": "<i4", "versions": "<i4", "layout": "<i4",
    "clips": "<i8", "bytes": "<i8",
}  # fmt: skip
OF_CLIPS = {
    "num_frames": "<i8",
    "planned": "<i8",
    "source_size": "<i8",
    "source_mtime_ns": "<i8",
    "crc32c": "<u4",
}
OF_DATASETS = {"rows": "<i8", "offset": "<i8", "dataset_crc32c": "<u4"}
TABLES = ("store", "recipe_id", "plan_id", "versions", "layout")
TEXTS = ("name", "file", "rest")  # one a shard
NONE = -1  # frames of a clip that was not planned; size of a source that is not known; offset in a Zarr store


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
        self, header: Mapping[str, Any], columns: Mapping[str, Array], blobs: Sequence[bytes]
    ) -> None:
        self.tables: dict[str, list[Any]] = {name: header["tables"][name] for name in TABLES}
        self.columns = columns
        self._texts = blobs[0]
        each = {name: blob.decode().split(SEPARATOR) for name, blob in zip(TEXTS, blobs[1:], strict=True)}
        self.names, self.files, self.rests = (each[name] for name in TEXTS)
        lengths = np.array([len(layout) for layout in self.tables["layout"]], np.int64)
        self.last_sources: tuple[int, dict[str, SourceStat]] = (NONE, {})
        self._require_codes()
        self._datasets = np.concatenate([[0], np.cumsum(lengths[columns["layout"]])])
        self._checked = np.zeros(len(self.names), bool)  # shards whose clip ids are known to be some
        self._rows = np.concatenate([[0], np.cumsum(columns["clips"])])
        self._bytes = np.concatenate([[0], np.cumsum(columns["bytes"])])
        self._require_sound()

    def _require_codes(self) -> None:
        for name, table in self.tables.items():
            codes = self.columns[name]
            if (codes < 0).any() or (codes >= len(table)).any():
                raise ValueError("a code without a meaning")

    def _require_sound(self) -> None:
        """Raise ValueError where it promises what no record may."""
        counts = {len(self.names), len(self.files), len(self.rests), len(self.columns["size"])}
        if len(counts) != 1 or len(self.columns["num_frames"]) != self._rows[-1]:
            raise ValueError("columns of several lengths")
        if len(self.columns["rows"]) != self._datasets[-1]:
            raise ValueError("arrays that are not all described")
        if self._bytes[-1] != len(self._texts) or (self.columns["clips"] < 1).any():
            raise ValueError("a shard without clips")
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
        count = int(self.columns["clips"][shard])
        if not self._checked[shard]:
            if len(found) != 2 * count or not all(map(is_clip_id, found[:count])):
                raise DamagedCacheError(f"{FILE}: shard {self.names[shard]}: no clip ids; remove the file")
            self._checked[shard] = True
        return found

    def datasets(self, shard: int) -> dict[str, Dataset]:
        """Return a shard's arrays by their paths."""
        place = slice(int(self._datasets[shard]), int(self._datasets[shard + 1]))
        numbers = (self.columns[name][place].tolist() for name in OF_DATASETS)
        layout = self.tables["layout"][self.columns["layout"][shard]]
        return {
            text(name): Dataset(
                (rows, *map(whole, width)),
                stored_dtype(dtype).str,
                None if offset == NONE else offset,
                checksum,
            )
            for (name, dtype, width), rows, offset, checksum in zip(layout, *numbers, strict=True)
        }

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
    """A commit record as the index has it; what there is for each clip or array is unpacked when it is needed."""

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
    def clip_ids(self) -> tuple[str, ...]:
        """In the order of their rows."""
        texts = self._index.texts(self._number)
        return tuple(texts[: len(texts) // 2])

    @cached_property
    def num_frames(self) -> tuple[int, ...]:
        """Frames of each of them."""
        return tuple(self._index.columns["num_frames"][self._index.rows(self._number)].tolist())

    @cached_property
    def content(self) -> ShardContent:
        """Plan, sources, versions and recipe id."""
        return IndexedContent(self._index, self._number)

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """Every array by its path.

        Raises:
            DamagedCacheError: the index promises what cannot be.
        """
        try:
            datasets = self._index.datasets(self._number)
        except (TypeError, ValueError) as error:
            raise DamagedCacheError(f"{FILE}: shard {self.name}: {error}; remove the file") from None
        self.__dict__["datasets"] = datasets
        problem = problem_of(self, f"{self.name}.json")
        if problem:
            raise DamagedCacheError(f"{FILE}: shard {self.name}: {problem}; remove the file")
        return datasets

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
    def supersedes(self) -> tuple[str, ...]:
        """Clips of older shards that this one replaces."""
        return all_text(self._rest.get("supersedes", []))

    @property
    def notes(self) -> dict[str, Notes]:
        """What is out of the ordinary in how clips were read."""
        notes: dict[str, Notes] = self._rest.get("notes", {})
        return notes

    @property
    def planned(self) -> dict[str, int]:
        """Clip id → expected frames."""
        frames = self._index.columns["planned"][self._index.rows(self._number)].tolist()
        texts = self._index.texts(self._number)
        done = {clip_id: count for clip_id, count in zip(texts, frames, strict=False) if count != NONE}
        return {**done, **self._rest.get("failed", {})}

    @property
    def sources(self) -> dict[str, SourceStat]:
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
