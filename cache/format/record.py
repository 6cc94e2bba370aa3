"""The commit record: written last, it alone makes a shard exist, and it says what the shard must hold."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cache.common.errors import DamagedCacheError, FormatVersionError
from cache.common.ids import is_clip_id
from cache.format.schema import FORMAT_VERSION

SAFE_NAME = re.compile(r"[0-9a-zA-Z_-]{1,100}")
STORED_KINDS = "fiubS"  # floats, integers, bool, fixed-width text; never objects


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
        return np.dtype(self.dtype)

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

    def to_bytes(self) -> bytes:
        """As JSON, for the shard itself."""
        return json.dumps(self.to_json(), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ShardContent:
        """The inverse of ``asdict``; raises KeyError, TypeError or ValueError for anything else."""
        version = int(value["format_version"])
        if version != FORMAT_VERSION:
            raise FormatVersionError(
                f"format version {version} is unknown, expected {FORMAT_VERSION}; update emi-fusion"
            )
        sources = {str(key): SourceStat(**row) for key, row in value["sources"].items()}
        planned = {str(key): int(frames) for key, frames in value["planned"].items()}
        return cls(
            recipe_id=str(value["recipe_id"]),
            plan_id=str(value["plan_id"]),
            planned=planned,
            sources=sources,
            versions={str(key): str(text) for key, text in value["versions"].items()},
            generation=int(value["generation"]),
            supersedes=tuple(map(str, value["supersedes"])),
            notes={str(key): _notes(row) for key, row in value.get("notes", {}).items()},
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
            "checksum": {"algorithm": "crc32c", "value": self.checksum},
            "clip_ids": self.clip_ids,
            "num_frames": self.num_frames,
            "datasets": {key: asdict(dataset) for key, dataset in self.datasets.items()},
            **self.content.to_json(),
        }
        return (json.dumps(document, ensure_ascii=False) + "\n").encode()

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
            value = json.loads(data)
            record = cls(
                name=str(value["name"]),
                store=str(value["store"]),
                file=str(value["file"]),
                num_bytes=int(value["bytes"]),
                checksum=int(value["checksum"]["value"]),
                clip_ids=tuple(map(str, value["clip_ids"])),
                num_frames=tuple(map(int, value["num_frames"])),
                datasets={str(key): _dataset(row) for key, row in value["datasets"].items()},
                content=ShardContent.from_json(value),
            )
        except FormatVersionError as error:
            raise FormatVersionError(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DamagedCacheError(
                f"{where}: not a commit record ({type(error).__name__}: {error}); {WAY_OUT}"
            ) from None
        problem = _problem(record, where)
        if problem:
            raise DamagedCacheError(f"{where}: {problem}; {WAY_OUT}")
        return record


WAY_OUT = "emi-cache verify lists all damage"


def _notes(row: Mapping[str, Any]) -> Notes:
    notes = {str(kind): value for kind, value in row.items()}
    if not all(isinstance(value, float | int | str) for value in notes.values()):
        raise ValueError("a note that is neither text nor a number")
    return notes


def _dataset(row: Mapping[str, Any]) -> Dataset:
    dtype = np.dtype(str(row["dtype"]))
    if dtype.kind not in STORED_KINDS or dtype.hasobject:
        raise ValueError(f"dtype {dtype} is not allowed in a cache")
    offset = None if row["offset"] is None else int(row["offset"])
    return Dataset(tuple(map(int, row["shape"])), dtype.str, offset, int(row["crc32c"]))


def _problem(record: CommitRecord, where: str) -> str | None:
    """Say what in the record contradicts itself, or None."""
    stem = where.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".json")
    if not SAFE_NAME.fullmatch(record.name) or record.name != stem:
        return f"it names the shard {record.name!r}"
    if not re.fullmatch(re.escape(record.name) + r"\.[0-9a-z]{1,10}", record.file):
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
