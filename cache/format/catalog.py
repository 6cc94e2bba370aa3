"""The catalog of a cache: where its files are, ``cache.json``, and which committed shard holds which clip."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cache.common import durable, gate
from cache.common.errors import CacheError, DamagedCacheError, FormatVersionError, NotACacheError
from cache.common.storage.url_path import UrlPath, place
from cache.common.words import counted
from cache.format import index_file, own_checksum
from cache.format.json_values import require_keys, text
from cache.format.recipe import Recipe
from cache.format.record import WAY_OUT, CommitRecord
from cache.format.record_index import FILE as INDEX
from cache.format.schema import FORMAT, FORMAT_VERSION, FrameField

DESCRIPTION = "cache.json"
SHARDS = "shards"
FAILURES = "failures"
LEASES = "leases"
WRITERS = "writers"  # their journals: of no meaning to readers
DAMAGED = "damaged"  # shards that verify --repair set aside, a folder for each repair
FOLDERS = (SHARDS, FAILURES, LEASES, WRITERS, DAMAGED)
CARD = "README.md"
KEYS = frozenset(
    {"format", "format_version", "recipe_id", "recipe", "fields", "store", "shard_mb", "licence"}
)
FIELD_KEYS = frozenset({"width", "dtype", "frame_shift", "dims"})
REPORT = "compact.json"  # what a compact cache cost
COMPACT = ("projection.npz", REPORT)  # what a compact cache has besides


@dataclass(frozen=True)
class Description:
    """What ``cache.json`` says: fixed when the cache is made, the same for every shard.

    Attributes:
        recipe: everything that determines the values.
        fields: the frame fields, by name.
        store: the back end.
        shard_mb: target size of a shard [10^6 bytes]; part of the partition, so fixed here.
        licence: what the licence of the encoder's weights asks of those who use the values.
        has_checksum: whether ``cache.json``, as it was read, carried a checksum of its own.
    """

    recipe: Recipe
    fields: dict[str, FrameField]
    store: str = "hdf5"
    shard_mb: float = 64.0
    licence: str = ""
    has_checksum: bool = field(default=True, compare=False)

    def to_bytes(self) -> bytes:
        """As the JSON document ``cache.json``."""
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "recipe_id": self.recipe.recipe_id,
            "recipe": self.recipe,
            "fields": {name: field.to_json() for name, field in self.fields.items()},
            "store": self.store,
            "shard_mb": self.shard_mb,
            "licence": self.licence,
        }
        return own_checksum.to_bytes(document, indent=2)


def read_description(folder: Path) -> Description:
    """Read ``cache.json``.

    Raises:
        NotACacheError: there is none.
        FormatVersionError: a later version wrote it.
        DamagedCacheError: it contradicts itself.
    """
    folder = place(folder)
    path = folder / DESCRIPTION
    try:
        data = durable.read_regular(path)
        check_folders(folder)
    except (FileNotFoundError, NotADirectoryError):
        what = "holds no cache.json" if folder.is_dir() else "does not exist"
        raise NotACacheError(
            f"{folder} {what}; emi-extract run SOURCE --out {folder} makes a cache"
        ) from None
    except OSError as error:
        raise NotACacheError(f"{path} cannot be read: {error.strerror}") from None
    return parse_description(path, data)


def check_folders(folder: Path) -> None:
    """Raise DamagedCacheError where a link, or anything else, stands in the place of a folder of a cache."""
    for name in FOLDERS:
        gate.folder(folder, name)


def parse_description(path: Path, data: bytes) -> Description:
    """Read the text of ``cache.json``; ``read_description`` says what it raises."""
    try:
        value, has_checksum = own_checksum.from_bytes(data)
        require_keys(value, {"format", "format_version"}, exactly=False)
        if value["format"] != FORMAT or value["format_version"] != FORMAT_VERSION:
            raise FormatVersionError(
                f"{path}: {value['format']} version {value['format_version']}, expected {FORMAT} version "
                f"{FORMAT_VERSION}; update emi-fusion, or extract again"
            )
        require_keys(value, KEYS, exactly=not has_checksum)
        description = replace(_description(value, exactly=not has_checksum), has_checksum=has_checksum)
        is_edited = value["recipe_id"] != description.recipe.recipe_id
    except FormatVersionError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DamagedCacheError(
            f"{path}: not a cache description ({error}); restore it from a copy, or try emi-cache verify --repair"
        ) from None
    if is_edited:
        raise DamagedCacheError(f"{path}: the recipe was edited: its recipe_id is another one")
    return description


def _description(value: dict[str, Any], *, exactly: bool) -> Description:
    recipe, fields, shard_mb = value["recipe"], value["fields"], value["shard_mb"]
    for name in ("recipe", "fields"):
        if not isinstance(value[name], dict):
            raise ValueError(f"its {name} is no object")
    if type(shard_mb) not in (int, float) or not 0 < shard_mb < math.inf:
        raise ValueError(f"shard_mb {shard_mb!r}, expected megabytes")
    if not fields:
        raise ValueError("no frame field")
    for row in fields.values():
        require_keys(row, FIELD_KEYS, exactly=exactly)
    parsed = {name: FrameField.from_json(name, row) for name, row in fields.items()}
    return Description(Recipe(recipe), parsed, text(value["store"]), float(shard_mb), text(value["licence"]))


def record_paths(folder: Path) -> Iterator[Path]:
    """Yield the commit records' paths in the order of their names."""
    yield from (folder / SHARDS / name for name in gate.names(folder, SHARDS, ".json"))


def read_record(path: Path) -> CommitRecord:
    """Read one commit record; raises DamagedCacheError or FormatVersionError."""
    try:
        data = gate.read(path.parents[1], path)
    except OSError as error:
        raise DamagedCacheError(f"{path} cannot be read: {error.strerror}") from None
    return CommitRecord.from_bytes(data, str(path))


def read_records(folder: Path) -> list[CommitRecord]:
    """Read every commit record of the cache; where it has an index, that stands for those it knows."""
    folder = place(folder)
    if isinstance(folder, UrlPath):
        return index_file.read_by_url(UrlPath(folder / SHARDS), read_record)
    paths = list(record_paths(folder))
    return index_file.read_records(folder / SHARDS, paths, read_record)


def require_recipe(folder: Path, records: Sequence[CommitRecord], recipe_id: str) -> None:
    """Raise DamagedCacheError where a shard's values were made by another recipe than the cache's."""
    for record in records:
        if record.content.recipe_id != recipe_id:
            raise DamagedCacheError(
                f"{folder / SHARDS / record.file}: made with another recipe than the cache's; {WAY_OUT}"
            )


def count_unchecked(description: Description, records: Sequence[CommitRecord]) -> int:
    """Return how many of ``cache.json`` and the records carry no checksum of their own."""
    return [description.has_checksum, *(record.has_checksum for record in records)].count(False)


def unchecked_text(count: int) -> str:
    """Say what it means that so many files carry no checksum, and what to do about it."""
    return (
        f"{counted(count, 'file')} of an earlier version without a checksum of their own (cache.json, commit "
        "records): a flipped bit there goes unseen; emi-cache convert writes a cache that has them"
    )


def say_unchecked(folder: Path, description: Description, records: Sequence[CommitRecord]) -> None:
    """Log, once for a cache and process, that some of its files carry no checksum."""
    count = count_unchecked(description, records)
    if count and folder.absolute() not in _said:
        _said.add(folder.absolute())
        logging.getLogger("cache").warning("note: %s: %s", folder, unchecked_text(count))


_said: set[Path] = set()


def read_set_aside(folder: Path) -> list[CommitRecord]:
    """Read the records of the shards that a repair has set aside; unreadable ones name no clip."""
    records = []
    for repair in gate.names(folder, DAMAGED):
        with suppress(CacheError, NotADirectoryError):
            for name in gate.names(folder, f"{DAMAGED}/{repair}", ".json"):
                with suppress(CacheError):
                    records.append(read_record(folder / DAMAGED / repair / name))
    return records


def superseded(records: Sequence[CommitRecord]) -> set[tuple[str, str]]:
    """Return (shard name, clip id) of every clip that a shard of a later generation replaces."""
    newest: dict[str, int] = {}
    for record in records:
        for clip_id in record.content.supersedes:
            newest[clip_id] = max(newest.get(clip_id, 0), record.content.generation)
    if not newest:
        return set()
    return {
        (record.name, clip_id)
        for record in records
        for clip_id in newest.keys() & set(record.clip_ids)
        if record.content.generation < newest[clip_id]
    }


def effective(records: Sequence[CommitRecord]) -> dict[str, CommitRecord]:
    """Return clip id → the record of the shard whose values count for it."""
    replaced = superseded(records)
    return {
        clip_id: record
        for record in records
        for clip_id in record.clip_ids
        if (record.name, clip_id) not in replaced
    }


def create(folder: Path, description: Description, card: str) -> Description:
    """Make the cache's folders and ``cache.json``; another process may do the same at once.

    Returns:
        What ``cache.json`` says now: ours, or that of whoever was first.
    """
    with durable.storage_errors(folder):
        durable.make_folder(folder)
        foreign = [name for name in gate.names(folder, "") if not _is_ours(name)]
    if foreign:
        raise NotACacheError(
            f"{folder} holds other files ({', '.join(sorted(foreign)[:3])}) and no cache.json; "
            "choose a new or empty folder for the cache"
        )
    with durable.storage_errors(folder):
        check_folders(folder)
        for name in (SHARDS, FAILURES, LEASES):
            durable.fsync_folder(gate.make_folder(folder, name).parent)
    durable.write_once(folder / CARD, card.encode())
    durable.write_once(folder / DESCRIPTION, description.to_bytes())
    return read_description(folder)


def _is_ours(name: str) -> bool:
    known = {DESCRIPTION, SHARDS, FAILURES, LEASES, WRITERS, DAMAGED, CARD, INDEX, *COMPACT}
    return name in known or name.startswith(".") or name.endswith(durable.TMP_SUFFIX)
