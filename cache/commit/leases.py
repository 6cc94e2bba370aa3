"""Leases on shards: they save double work and tell whose ``*.tmp`` is dead.

Nothing depends on a lease for being right: a shard is published whole and never overwritten, whoever
holds what. So a lease that is lost, stolen or wrongly believed costs work, never data.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cache.commit.processes import host_name, is_gone
from cache.common import durable, gate
from cache.common.errors import DamagedCacheError
from cache.common.foreign_json import parse_json
from cache.format.catalog import LEASES

SUFFIX = ".lease"
LEASE_SECONDS = 600.0  # a shard takes about a minute on a CPU; holders renew theirs as they go
MAX_SECONDS = 86_400.0
MAX_BYTES = 4096  # of a lease
MAX_DIGITS = 9  # of a lease's number
MAX_PID = 1 << 31


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: a random owner id, host, process, and until when [seconds since 1970]."""

    owner: str
    host: str
    pid: int
    until: float

    @property
    def alive(self) -> bool:
        """Whether the lease still counts: not expired, and its process not known to be dead.

        One that lasts longer than any was given for comes from a wrong clock.
        """
        now = time.time()
        return now < self.until < now + MAX_SECONDS and not (self.host == host_name() and is_gone(self.pid))


NOBODY = Holder("", "", 0, 0.0)
# By path: whom a lease names, and since when this process has seen it so [seconds, monotonic].
_seen: dict[str, tuple[Holder, float]] = {}


class Lease:
    """The right to work on one shard for a while; made by ``acquire``."""

    def __init__(self, path: Path, seconds: float, owner: str) -> None:
        self._path = path
        self._seconds = seconds
        self._owner = owner
        self._until = time.time() + seconds
        self._lock = threading.Lock()  # of renewing and giving back: none comes back to life
        self._is_released = False

    def renew(self) -> None:
        """Prolong the lease when a third of it is used up, unless somebody else has taken over meanwhile.

        A shard that two writers do is committed once all the same: a lease only saves double work.
        """
        with self._lock:
            is_fresh = time.time() < self._until - self._seconds * 2 / 3
            if is_fresh or self._is_released or self.is_lost():
                return
            self._until = time.time() + self._seconds
            with durable.storage_errors(self._path):
                aside = _write_aside(self._path, self._owner, self._until)
                aside.replace(self._path)

    def is_lost(self) -> bool:
        """Say whether it ran out and somebody else has taken over."""
        holder = read_holder(self._path)
        latest = _latest(self._path.parent, _shard_of(self._path))
        return latest != self._path or holder is None or holder.owner != self._owner

    def release(self) -> None:
        """Give the lease back, with the expired ones before it, unless somebody else has taken over."""
        folder = self._path.parent
        with self._lock:
            self._is_released = True
            if not self.is_lost():
                for path in sorted(_leases(folder, _shard_of(self._path)), key=_number):
                    gate.remove(folder.parent, path)


def acquire(cache: Path, shard: str, seconds: float = LEASE_SECONDS) -> Lease | None:
    """Return a lease on a shard, or None while another writer holds one.

    Leases on one shard are numbered and the highest counts: of several writers that find the last one
    expired, one gets the next.

    Args:
        cache: folder of the cache.
        shard: name of the shard.
        seconds: how long it lasts unless renewed.

    Raises:
        StorageError: the folder cannot be written.
    """
    with durable.storage_errors(cache / LEASES):
        folder = gate.make_folder(cache, LEASES)
        latest = _latest(folder, shard)
        holder = read_holder(latest) if latest else None
        if latest is not None and holder is not None and counts(latest, holder):
            return None
        path = folder / f"{shard}.{_number(latest) + 1 if latest else 0}{SUFFIX}"
        owner = uuid.uuid4().hex
        aside = _write_aside(path, owner, time.time() + seconds)
        return Lease(path, seconds, owner) if durable.publish_file(aside, path) else None


def counts(path: Path, holder: Holder) -> bool:
    """Say whether the lease at ``path`` still counts.

    One of a machine whose clock is fast seems to last longer: it counts no more once this process has seen it
    stay the same for so long that its holder would have renewed it.
    """
    if not holder.alive:
        return False
    known, since = _seen.get(str(path), (None, 0.0))
    if known != holder:
        _seen[str(path)] = holder, time.monotonic()
        return True
    return time.monotonic() - since < LEASE_SECONDS


def _leases(folder: Path, shard: str) -> list[Path]:
    names = gate.own_files(folder.parent, folder.name, SUFFIX)
    return [path for path in names if _shard_of(path) == shard and _is_numbered(path)]


def _is_numbered(path: Path) -> bool:
    parts = path.name.split(".")
    return len(parts) == 3 and parts[1].isdecimal() and len(parts[1]) <= MAX_DIGITS


def _latest(folder: Path, shard: str) -> Path | None:
    return max(_leases(folder, shard), key=_number, default=None)


def _number(path: Path) -> int:
    return int(path.name.split(".")[-2])


def _shard_of(path: Path) -> str:
    return path.name.split(".")[0]


def read_holder(path: Path) -> Holder | None:
    """Return who holds the lease at ``path``, or None when nobody does."""
    try:
        return parse_holder(gate.read(path.parents[1], path, MAX_BYTES), path)
    except FileNotFoundError:
        return None
    except ValueError:  # too large, or a link
        return NOBODY


def parse_holder(data: bytes, where: Path | str) -> Holder:
    """Return whom a lease of these bytes names; nobody, where it is none of ours: those are whole."""
    try:
        value = parse_json(data)
        holder = Holder(str(value["owner"]), str(value["host"]), int(value["pid"]), float(value["until"]))
        if not 0 < holder.pid < MAX_PID:
            raise DamagedCacheError(f"{where}: process {holder.pid}")
        return holder
    except (ValueError, KeyError, TypeError, OverflowError):
        return NOBODY


def _write_aside(path: Path, owner: str, until: float) -> Path:
    """Written whole before it gets its name: a lease that is seen empty would be stolen."""
    aside = durable.tmp_path(path)
    try:
        aside.write_text(json.dumps(asdict(Holder(owner, host_name(), os.getpid(), until))))
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return aside


def remove_dead(cache: Path) -> None:
    """Remove the leases that count no longer: of killed writers, and expired ones."""
    for path in gate.own_files(cache, LEASES, SUFFIX):
        holder = read_holder(path)
        if holder is not None and not holder.alive:
            gate.remove(cache, path)


def remove_of(cache: Path, shard: str, host: str, pid: int) -> None:
    """Remove the lease on a shard of a process that is known to be gone, on whatever machine; raises OSError."""
    latest = _latest(cache / LEASES, shard)
    holder = read_holder(latest) if latest else None
    if latest is not None and holder is not None and (holder.host, holder.pid) == (host, pid):
        gate.remove(cache, latest)


def holder_of(cache: Path, shard: str) -> Holder | None:
    """Return who holds the lease on a shard, alive or not, or None when nobody does."""
    latest = _latest(cache / LEASES, shard)
    return read_holder(latest) if latest else None
