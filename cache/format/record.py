"""The commit record: written last, it alone makes a shard exist, and it says what the shard must hold."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from cache.common.errors import DamagedCacheError, FormatVersionError
from cache.common.gate import is_array_name
from cache.common.ids import is_clip_id
from cache.format import own_checksum
from cache.format.json_values import all_text, all_whole, require_keys, text, whole
from cache.format.schema import FORMAT_VERSION, stored_dtype

SAFE_NAME = re.compile(r"[0-9a-zA-Z_-]{1,100}")
FILE_OF_SHARD = re.compile(rf"{SAFE_NAME.pattern}\.[0-9a-z]{{1,10}}")
CHECKSUM = "crc32c"  # the algorithm
DATASET_KEYS = frozenset({"shape", "dtype", "offset", "crc32c"})
SOURCE_KEYS = frozenset({"path", "size", "mtime_ns"})
CONTENT_KEYS = frozenset(
    {"recipe_id", "plan_id", "planned", "sources", "versions", "generation", "supersedes", "format_version"}
)
RECORD_KEYS = CONTENT_KEYS | {
    *("name", "store", "file", "bytes", "checksum", "clip_ids", "num_frames", "datasets")
}


@dataclass(frozen=True)
class Dataset:
    """Where one array of a shard is and what it must be.

    Attributes:
        shape: of the array.
        dtype: numpy's text for it, for example ``<f2``.
        offset: byte offset in the shard's file where it is contiguous; None in a Zarr store.
        crc32c: checksum of the array's bytes.
    """

    shape: tuple[int, ...]
    dtype: str
    offset: int | None
    crc32c: int

    @cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype as numpy's own."""
        return stored_dtype(self.dtype)

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self.numpy_dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.numpy_dtype.itemsize


Notes = dict[str, float | int | str]


@dataclass(frozen=True)
class SourceStat:
    """Size and modification time of the file a clip came from."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class ShardContent:
    """The part of a record that is also kept inside the shard, so that a record can be made from it.

    ``notes`` says of some clips what is out of the ordinary in how they were read: clip id → kind → value.
    """

    recipe_id: str
    plan_id: str
    planned: dict[str, int]
    sources: dict[str, SourceStat]
    versions: dict[str, str]
    generation: int = 0
    supersedes: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION
    notes: dict[str, Notes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a record; without notes nothing is said of them."""
        document = asdict(self)
        return document if self.notes else {key: document[key] for key in document if key != "notes"}

    def to_bytes(self, arrays: Mapping[str, Dataset]) -> bytes:
        """As JSON, for the shard itself, with what its arrays are: all that a record can be made from again."""
        about = {name: {**asdict(dataset), "offset": None} for name, dataset in arrays.items()}
        return own_checksum.to_bytes({**self.to_json(), "arrays": about})

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[ShardContent, dict[str, Dataset]]:
        """The inverse of ``to_bytes``; raises KeyError, TypeError or ValueError for anything else."""
        value, has_checksum = own_checksum.from_bytes(data)
        if not has_checksum:
            raise ValueError("its content carries no checksum: nothing says that it is sound")
        arrays = {name: _dataset(row, exactly=False) for name, row in value["arrays"].items()}
        return cls.from_json(value, exactly=False), arrays

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, exactly: bool) -> ShardContent:
        """Read the keys of a content; raises KeyError, TypeError or ValueError.

        Args:
            value: the object that has them.
            exactly: refuse further keys inside them.
        """
        _require_version(value)
        return cls(
            recipe_id=text(value["recipe_id"]),
            plan_id=text(value["plan_id"]),
            planned={name: whole(frames) for name, frames in value["planned"].items()},
            sources={name: _source(row, exactly=exactly) for name, row in value["sources"].items()},
            versions={name: text(version) for name, version in value["versions"].items()},
            generation=whole(value["generation"]),
            supersedes=all_text(value["supersedes"]),
            notes={name: _notes(row) for name, row in value.get("notes", {}).items()},
        )


@dataclass(frozen=True)
class CommitRecord:
    """What one committed shard holds.

    Attributes:
        name: the shard's name; its files are ``<name><suffix>`` and ``<name>.json``.
        store: ``hdf5`` or ``zarr``.
        file: the shard's file or folder name inside ``shards/``.
        num_bytes: size of that file [bytes].
        checksum: crc32c of the whole file.
        clip_ids: in the order of their rows.
        num_frames: frames of each of them.
        datasets: every array by its path.
        content: plan, sources, versions and recipe id.
        has_checksum: whether the record, as it was read, carried a checksum of its own; earlier ones do not.
    """

    name: str
    store: str
    file: str
    num_bytes: int
    checksum: int
    clip_ids: tuple[str, ...]
    num_frames: tuple[int, ...]
    datasets: dict[str, Dataset] = field(repr=False)
    content: ShardContent = field(repr=False)
    has_checksum: bool = field(default=True, repr=False, compare=False)

    def priority(self, clip_id: str) -> tuple[int, int, str]:
        """Say which of two values of a clip to keep: later generation, then later source, then name."""
        source = self.content.sources.get(clip_id)
        return self.content.generation, source.mtime_ns if source else 0, self.name

    def to_bytes(self) -> bytes:
        """As the JSON document ``shards/<name>.json``."""
        document = {
            "name": self.name,
            "store": self.store,
            "file": self.file,
            "bytes": self.num_bytes,
            "checksum": {"algorithm": CHECKSUM, "value": self.checksum},
            "clip_ids": self.clip_ids,
            "num_frames": self.num_frames,
            "datasets": {key: asdict(dataset) for key, dataset in self.datasets.items()},
            **self.content.to_json(),
        }
        return own_checksum.to_bytes(document)

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> CommitRecord:
        """Read a record, trusting nothing in it.

        Args:
            data: the record's JSON.
            where: the record's path, for messages.

        Raises:
            DamagedCacheError: it is no record, or promises what cannot be.
            FormatVersionError: a later version wrote it.
        """
        try:
            value, has_checksum = own_checksum.from_bytes(data)
            _require_version(value)
            require_keys(value, RECORD_KEYS, exactly=not has_checksum)
            record = replace(_parsed(value, exactly=not has_checksum), has_checksum=has_checksum)
        except FormatVersionError as error:
            raise FormatVersionError(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DamagedCacheError(f"{where}: not a commit record ({error}); {WAY_OUT}") from None
        problem = problem_of(record, where)
        if problem:
            raise DamagedCacheError(f"{where}: {problem}; {WAY_OUT}")
        return record


WAY_OUT = "emi-cache verify lists all damage"


def _parsed(value: Mapping[str, Any], *, exactly: bool) -> CommitRecord:
    checksum = value["checksum"]
    require_keys(checksum, {"algorithm", "value"}, exactly=exactly)
    if checksum["algorithm"] != CHECKSUM:
        raise ValueError(f"a checksum by {checksum['algorithm']!r}, expected {CHECKSUM}")
    return CommitRecord(
        name=text(value["name"]),
        store=text(value["store"]),
        file=text(value["file"]),
        num_bytes=whole(value["bytes"]),
        checksum=whole(checksum["value"]),
        clip_ids=all_text(value["clip_ids"]),
        num_frames=all_whole(value["num_frames"]),
        datasets={name: _dataset(row, exactly=exactly) for name, row in value["datasets"].items()},
        content=ShardContent.from_json(value, exactly=exactly),
    )


def _require_version(value: Mapping[str, Any]) -> None:
    version = value.get("format_version")
    if type(version) is int and version != FORMAT_VERSION:
        raise FormatVersionError(
            f"format version {version} is unknown, expected {FORMAT_VERSION}; update emi-fusion"
        )
    if version != FORMAT_VERSION:
        raise ValueError(f"format version {version!r}, expected {FORMAT_VERSION}")


def _dataset(row: Mapping[str, Any], *, exactly: bool) -> Dataset:
    require_keys(row, DATASET_KEYS, exactly=exactly)
    offset = None if row["offset"] is None else whole(row["offset"])
    dtype = stored_dtype(row["dtype"]).str
    return Dataset(all_whole(row["shape"]), dtype, offset, whole(row["crc32c"]))


def _source(row: Mapping[str, Any], *, exactly: bool) -> SourceStat:
    require_keys(row, SOURCE_KEYS, exactly=exactly)
    return SourceStat(text(row["path"]), whole(row["size"]), whole(row["mtime_ns"]))


def _notes(row: Any) -> Notes:
    if not isinstance(row, dict) or not all(isinstance(value, float | int | str) for value in row.values()):
        raise ValueError("notes that are not text and numbers by their names")
    return row


def problem_of(record: CommitRecord, where: str) -> str | None:
    """Say what in the record contradicts itself, or None."""
    stem = where.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".json")
    if not SAFE_NAME.fullmatch(record.name) or record.name != stem:
        return f"it names the shard {record.name!r}"
    if not FILE_OF_SHARD.fullmatch(record.file) or record.file.partition(".")[0] != record.name:
        return f"it points to the file {record.file!r}"
    if len(record.clip_ids) != len(record.num_frames) or len(set(record.clip_ids)) != len(record.clip_ids):
        return "its clip ids and frame counts do not match"
    bad = next((clip_id for clip_id in record.clip_ids if not is_clip_id(clip_id)), None)
    if bad is not None:
        return f"{bad!r} is no clip id"
    if any(count < 1 for count in record.num_frames) or not record.clip_ids:
        return "a clip without frames"
    return next(filter(None, (_misfit(record, *item) for item in record.datasets.items())), None)


def _misfit(record: CommitRecord, name: str, dataset: Dataset) -> str | None:
    if not is_array_name(name):
        return f"{name[:100]!r} is no name of an array"
    rows = {"frames": sum(record.num_frames), "offsets": len(record.clip_ids) + 1}
    expected = rows.get(name.split("/", 1)[0], len(record.clip_ids))
    if name != "content" and (not dataset.shape or dataset.shape[0] != expected):
        return f"{name} has shape {dataset.shape}, expected {expected} rows"
    if min(dataset.shape) < 0 or not 1 <= len(dataset.shape) <= 2:
        return f"{name} has shape {dataset.shape}"
    end = (dataset.offset or 0) + dataset.num_bytes
    if (dataset.offset is not None and dataset.offset < 0) or end > record.num_bytes:
        return f"{name} ends at byte {end} of {record.num_bytes}"
    return None


def versions() -> dict[str, str]:
    """Return the versions of the libraries that had a part in the values and are loaded right now."""
    libraries = ("numpy", "h5py", "zarr", "torch", "transformers", "soundfile", "av", "soxr")
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in libraries}
    return {name: str(version) for name, version in loaded.items() if version}
