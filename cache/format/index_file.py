"""The file that holds the index of a cache's commit records: read where it is sound, kept up to date by writers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cache.common import durable, gate
from cache.common.errors import CacheError, DamagedCacheError
from cache.common.storage.protocol import Entry, RemoteError
from cache.common.storage.url_path import UrlPath, in_threads
from cache.format import index_bytes
from cache.format.record import CommitRecord
from cache.format.record_index import FILE, IndexedRecord, RecordIndex, RecordStat

MIN_SHARDS = 500  # below, records are read as fast as an index
MIN_SHARDS_BY_URL = 100  # where each record is a request
STALE_SHARE = 0.02  # of records that an index may lack before it is made again
SETTLED_SECONDS = 2.0  # a record this young might change within its file system's idea of an instant
MAX_BYTES = 1 << 34


def stats(shards: Path) -> dict[str, RecordStat]:
    """Return shard → size and time of its record; behind a URL a number made of its tag stands for the time.

    A tag is of one content, so no clock matters there. Records of stores that name none are not among them.
    """
    if isinstance(shards, UrlPath):
        return {entry.name[:-5]: _stat_of(entry) for entry in _entries(shards) if entry.tag}
    found = gate.stats(shards.parent, shards.name, ".json")
    return {name[:-5]: RecordStat(status.st_size, status.st_mtime_ns) for name, status in found.items()}


def _entries(shards: UrlPath) -> list[Entry]:
    entries = (entry for entry in shards.storage.entries("") if entry.name.endswith(".json"))
    return sorted(entries, key=lambda entry: entry.name)


def _stat_of(entry: Entry) -> RecordStat:
    digest = hashlib.sha256(entry.tag.encode()).digest()
    return RecordStat(entry.size, int.from_bytes(digest[:8]) >> 1)


def load(shards: Path) -> RecordIndex | None:
    """Read the index beside the folder of the records; None where there is none, or none that is sound."""
    path = shards.parent / FILE
    try:
        data = gate.read(shards.parent, path, MAX_BYTES)
        return index_bytes.from_bytes(data)
    except (OSError, DamagedCacheError, ValueError, KeyError, TypeError, IndexError, OverflowError):
        return None


def read_records(
    shards: Path, paths: Sequence[Path], read: Callable[[Path], CommitRecord]
) -> list[CommitRecord]:
    """Return the records of these paths, in their order: as the index has them where it is up to date."""
    index = load(shards) if len(paths) >= MIN_SHARDS else None
    known = index.records(stats(shards)) if index else {}
    return [known.get(path.stem) or read(path) for path in paths]


def read_by_url(shards: UrlPath, read: Callable[[Path], CommitRecord]) -> list[CommitRecord]:
    """Return the records behind a URL in the order of their names: one list, and what the index does not have."""
    entries = _entries(shards)
    index = load(shards) if len(entries) >= MIN_SHARDS_BY_URL else None
    stats_now = {entry.name[:-5]: _stat_of(entry) for entry in entries if entry.tag}
    known = index.records(stats_now) if index else {}
    unread = [entry.name for entry in entries if entry.name[:-5] not in known]
    got = dict(zip(unread, in_threads(lambda name: read(shards / name), unread), strict=True))
    return [known.get(entry.name[:-5]) or got[entry.name] for entry in entries]


def keep(folder: Path, records: Sequence[CommitRecord]) -> bool:
    """Write a cache's index if it is worth it; say whether it was. Nothing depends on it.

    Args:
        folder: of the cache.
        records: all of it, as ``catalog.read_records`` returned them.
    """
    missing = sum(not isinstance(record, IndexedRecord) for record in records)
    least = MIN_SHARDS_BY_URL if isinstance(folder, UrlPath) else MIN_SHARDS
    if len(records) < least or missing <= STALE_SHARE * len(records):
        return False
    with suppress(
        OSError, CacheError, RemoteError
    ):  # a folder that may only be read, a full disk: so it stays as it was
        settled = stats(folder / "shards")
        if not isinstance(folder, UrlPath):
            latest = (time.time() - SETTLED_SECONDS) * 1e9
            settled = {name: stat for name, stat in settled.items() if stat.mtime_ns < latest}
        if any(record.name in settled for record in records):
            durable.replace_file(folder / FILE, index_bytes.to_bytes(records, settled))
            return True
    return False
