"""What killed writers leave half-written in a cache, and its removal by the next writer."""

from __future__ import annotations

import time
from pathlib import Path

from cache.commit import journal, leases, remote_leases
from cache.commit.processes import is_dead
from cache.common import durable, gate
from cache.common.storage.url_path import UrlPath
from cache.format.catalog import LEASES, SHARDS


def tidy(cache: Path) -> None:
    """Remove what killed writers left in a cache: half-written files and leases; raises StorageError."""
    if isinstance(cache, UrlPath):  # where nothing is ever seen half-written
        remote_leases.remove_dead(cache)
        return
    with durable.storage_errors(cache):
        for folder in (cache, cache / SHARDS, cache / LEASES):
            remove_dead_tmp(cache, folder)
        leases.remove_dead(cache)
        journal.remove_dead(cache)


def remove_dead_tmp(
    cache: Path, folder: Path, older_than: float = leases.LEASE_SECONDS, prefix: str = ""
) -> int:
    """Remove what killed writers left half-written in a folder of a cache; return how many.

    Dead is what a process of this machine left that is gone, and what another machine's wrote more than
    ``older_than`` seconds ago for a shard it holds no lease on. Should its writer live after all, it
    writes its shard once more. Only names that begin with ``prefix`` are looked at.
    """
    where = "" if folder == cache else folder.name
    names = gate.names(cache, where, durable.TMP_SUFFIX)
    left = (folder / name for name in names if name.startswith(prefix))
    dead = [path for path in left if _is_dead(cache, path, older_than)]
    for path in dead:
        durable.remove(path)
    return len(dead)


def _is_dead(cache: Path, path: Path, older_than: float) -> bool:
    parts = path.name.split(".")
    if len(parts) < 5 or not parts[-3].isdecimal():
        return False
    host, pid = parts[-4], int(parts[-3])
    try:
        written = path.lstat().st_mtime
    except OSError:
        return False
    dead = is_dead(host, pid, written)
    if dead is not None:
        return dead
    holder = leases.holder_of(cache, parts[0])
    is_held = holder is not None and holder.alive and (holder.host, holder.pid) == (host, pid)
    return not is_held and time.time() - written > older_than
