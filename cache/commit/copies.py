"""Copies of shards behind a URL in a folder of this machine: what was read once is read from the disk from then on.

A copy is compared with the checksum of its commit record before it gets its name, and again when a process first
opens it: one that is another shard by now, or damaged, is fetched anew. Any processes may share the folder.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cache.commit.leftovers import remove_dead_tmp
from cache.common import durable
from cache.common.errors import CacheError, DamagedCacheError
from cache.common.storage.url_path import UrlPath, in_threads
from cache.format.catalog import SHARDS
from cache.format.record import WAY_OUT, CommitRecord
from cache.shards.registry import get_store
from cache.shards.store import ShardStore

PIECE = 1 << 23  # bytes of a request
_kept_in: list[Path] = []  # the folder; none where nothing is to be kept
_tidied: set[Path] = set()


def keep_copies(folder: Path | None) -> None:
    """Keep copies of what this process and its forks read behind URLs in a folder; None keeps none."""
    _kept_in[:] = [folder] if folder else []


def copied(path: UrlPath, record: CommitRecord) -> Path | None:
    """Return the copy of a shard, fetched if it is not there; None where copies are not to be kept.

    Raises:
        DamagedCacheError: the shard is gone, or not what was committed.
        StorageError: the folder cannot be written.
        RemoteError: the store does not answer.
    """
    if not _kept_in:
        return None
    root = _folder_of(path.parents[1])
    final, store = root / SHARDS / record.file, get_store(record.store)
    with durable.storage_errors(final):
        durable.make_folder(final.parent)
        if root not in _tidied:
            _tidied.add(root)
            remove_dead_tmp(root, final.parent)
        if _is_sound(store, final, record):
            return final
        tmp = durable.tmp_path(final)
        try:
            _fetch(path, tmp)
            if store.checksum(tmp) != record.checksum:
                raise DamagedCacheError(f"{path}: checksum of the file does not match its record; {WAY_OUT}")
            if not store.publish(tmp, final) and not _is_sound(store, final, record):
                raise DamagedCacheError(f"{final}: changes while it is read; remove this copy")
        except FileNotFoundError:
            raise DamagedCacheError(f"{path}: No such object; {WAY_OUT}") from None
        finally:
            durable.remove(tmp)
    return final


def _folder_of(cache: UrlPath) -> Path:
    """Return the folder of a cache's copies: named by its URL, so that several caches share a folder."""
    digest = hashlib.sha256(str(cache).encode()).hexdigest()[:16]
    return Path(os.path.abspath(_kept_in[0])) / f"{cache.name}-{digest}"


def _is_sound(store: ShardStore, final: Path, record: CommitRecord) -> bool:
    """Say whether a copy is what the record says; one that is not is taken away."""
    try:
        if store.num_bytes(final) == record.num_bytes and store.checksum(final) == record.checksum:
            return True
    except FileNotFoundError:
        return False
    except (CacheError, OSError):
        pass
    durable.remove(final)
    return False


def _fetch(path: UrlPath, tmp: Path) -> None:
    """Write a shard's objects to the disk under a temporary name."""
    storage, below = path.parent.storage, f"{path.name}/"
    try:
        entries = [storage.size(path.name)]
    except FileNotFoundError:
        entries = list(storage.list(below))
    if not entries:
        raise FileNotFoundError(path.name)

    def fetch(name: str, size: int) -> None:
        target = tmp / name.removeprefix(below) if name != path.name else tmp
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for start in range(0, size, PIECE):
                file.write(storage.read_range(name, start, min(size, start + PIECE)))
            file.flush()
            os.fsync(file.fileno())

    in_threads(lambda entry: fetch(entry.name, entry.size), entries)
