"""Leases behind a URL: one object for a shard, taken and renewed by conditional requests on its tag."""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from cache.commit import leases
from cache.commit.leases import MAX_BYTES, SUFFIX, Holder, Lease, parse_holder
from cache.commit.processes import host_name
from cache.common.storage import turns
from cache.common.storage.protocol import RemoteError, RemoteObjects
from cache.common.storage.url_path import UrlPath
from cache.format.catalog import LEASES

TURN = "turn"  # the name of the lease that is one
TURN_SECONDS = 30.0  # some requests
MOMENT = 0.05  # seconds between two looks at whose turn it is


class RemoteLease(Lease):
    """The right to work on one shard for a while; made by ``acquire``."""

    def __init__(self, path: UrlPath, seconds: float, owner: str, tag: str) -> None:
        super().__init__(path, seconds, owner)
        self._storage, self._name, self._tag = path.parent.storage, path.name, tag

    def renew(self) -> None:
        """Prolong the lease when a third of it is used up, unless somebody else has taken over meanwhile."""
        if time.time() < self._until - self._seconds * 2 / 3:
            return
        until = time.time() + self._seconds
        tag = self._storage.replace_if_match(self._name, self._tag, _said(self._owner, until))
        if tag is not None:
            self._until, self._tag = until, tag

    def is_lost(self) -> bool:
        """Say whether it ran out and somebody else has taken over."""
        found = _read(self._storage, self._name)
        return found is None or found[0].owner != self._owner

    def release(self) -> None:
        """Give the lease back, unless somebody else has taken over."""
        with suppress(RemoteError):  # it ends by itself
            if not self.is_lost():
                self._storage.delete(self._name)


def acquire(cache: UrlPath, shard: str, seconds: float, *, again: bool = False) -> Lease | None:
    """Return a lease on a shard, or None while another writer holds one; ``leases.acquire`` says the rest.

    With ``again`` one that this very process holds is no hindrance.
    """
    path = cache / LEASES / f"{shard}{SUFFIX}"
    storage, owner = path.parent.storage, uuid.uuid4().hex
    found = _read(storage, path.name)
    if found is not None and leases.counts(path, found[0]) and not (again and _is_mine(found[0])):
        return None
    mine = _said(owner, time.time() + seconds)
    if found is None:
        tag = storage.put_if_absent(path.name, mine)
    else:
        tag = storage.replace_if_match(path.name, found[1], mine)
    return None if tag is None else RemoteLease(path, seconds, owner, tag)


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Take turns with other writers at something short in a folder; see ``cache.common.storage.turns``.

    Behind a URL a turn is a lease, so that one of a killed writer of this machine is over at once.
    """
    if not isinstance(folder, UrlPath):
        with turns.turn(folder):
            yield
        return
    end, lease = time.monotonic() + TURN_SECONDS, None
    while lease is None and time.monotonic() < end:
        lease = acquire(folder.parent, TURN, TURN_SECONDS)
        if lease is None:
            time.sleep(MOMENT * random.uniform(0.5, 1.5))  # noqa: S311 - so that not all ask at once
    try:
        yield
    finally:
        if lease is not None:
            lease.release()


def holder_of(cache: UrlPath, shard: str) -> Holder | None:
    """Return who holds the lease on a shard, alive or not, or None when nobody does."""
    found = _read((cache / LEASES).storage, f"{shard}{SUFFIX}")
    return found[0] if found else None


def remove_dead(cache: UrlPath) -> None:
    """Remove the leases that count no longer: of killed writers, and expired ones."""
    storage = (cache / LEASES).storage
    for name in storage.names(""):
        found = _read(storage, name) if name.endswith(SUFFIX) else None
        if found is not None and not found[0].alive:
            storage.delete(name)


def remove_of(cache: Path, shards: Iterable[str], host: str, pid: int) -> None:
    """Remove the leases on shards of a process that is known to be gone, on whatever machine, and its turn.

    Raises:
        OSError, RemoteError: they stay, and run out by themselves.
    """
    if not isinstance(cache, UrlPath):
        for shard in shards:
            leases.remove_of(cache, shard, host, pid)
        return
    storage = (cache / LEASES).storage
    for shard in (*shards, TURN):
        found = _read(storage, f"{shard}{SUFFIX}")
        if found is not None and (found[0].host, found[0].pid) == (host, pid):
            storage.delete(f"{shard}{SUFFIX}")


def _is_mine(holder: Holder) -> bool:
    return (holder.host, holder.pid) == (host_name(), os.getpid())


def _said(owner: str, until: float) -> bytes:
    return json.dumps(asdict(Holder(owner, host_name(), os.getpid(), until))).encode()


def _read(storage: RemoteObjects, name: str) -> tuple[Holder, str] | None:
    try:
        content = storage.read(name, MAX_BYTES)
    except FileNotFoundError:
        return None
    return parse_holder(content.data, name), content.tag
