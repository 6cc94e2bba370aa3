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
        entries = shards.storage.entries("")
        return {e.name[:-5]: _stat_of(e) for e in entries if e.name.endswith(".json") and e.tag}
    found = gate.stats(shards.parent, shards.name, ".json")
    return {name[:-5]: RecordStat(status.st_size, status.st_mtime_ns) for name, status in found.items()}


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
    index = load(shards) if len(paths) >= _least(shards) else None
    known = index.records(stats(shards)) if index else {}
    if isinstance(shards, UrlPath):
        unread = [path for path in paths if path.stem not in known]
        known.update((record.name, record) for record in in_threads(read, unread))
    return [known.get(path.stem) or read(path) for path in paths]


def _least(shards: Path) -> int:
    """Return how many shards an index must be of to be worth it."""
    return MIN_SHARDS_BY_URL if isinstance(shards, UrlPath) else MIN_SHARDS


def keep(folder: Path, records: Sequence[CommitRecord]) -> bool:
    """Write a cache's index if it is worth it; say whether it was. Nothing depends on it.

    Args:
        folder: of the cache.
        records: all of it, as ``catalog.read_records`` returned them.
    """
    missing = sum(not isinstance(record, IndexedRecord) for record in records)
    if len(records) < _least(folder) or missing <= STALE_SHARE * len(records):
        return False
    with suppress(OSError, CacheError, RemoteError):  # a folder that may only be read, a full disk: so it stays as it was
        settled = stats(folder / "shards")
        if not isinstance(folder, UrlPath):
            latest = (time.time() - SETTLED_SECONDS) * 1e9
            settled = {name: stat for name, stat in settled.items() if stat.mtime_ns < latest}
        if any(record.name in settled for record in records):
            durable.replace_file(folder / FILE, index_bytes.to_bytes(records, settled))
            return True
    return False
