"""Whether a store does what several writers of one cache need, and the one writer of a store that does not."""

from __future__ import annotations

import time
import uuid
from typing import Any

from cache.commit import remote_leases
from cache.commit.leases import LEASE_SECONDS, Lease
from cache.common.errors import StorageError
from cache.common.storage.connect import store_of
from cache.common.storage.protocol import Storage
from cache.common.storage.url_path import UrlPath

SECONDS_APART = 120.0  # of two clocks, where a lease lasts for minutes
WRITER = "writer"  # the lease of the one writer
_known: list[tuple[Any, tuple[str, ...]]] = []  # of each connection


def unmet(storage: Storage) -> tuple[str, ...]:
    """Return the conditions of requests that a store does not honour, found by trying them; none is well."""
    name, found = f".probe-{uuid.uuid4().hex}", []
    try:
        tag = storage.put_if_absent(name, b"first")
        if tag is None:
            return ("a new object is taken for an old one",)
        if storage.put_if_absent(name, b"second") is not None:
            found.append("If-None-Match: * overwrites an object that is there")
            tag = storage.size(name).tag
        if not tag:
            found.append("an object has no tag (ETag)")
        elif storage.replace_if_match(name, tag, b"third") is None:
            found.append("If-Match refuses the tag that an object has")
        elif storage.replace_if_match(name, tag, b"fourth") is not None:
            found.append("If-Match takes a tag that an object no longer has")
    finally:
        storage.delete(name)
    return tuple(found)


def sole_writer(cache: UrlPath) -> Lease | None:
    """Return the lease of the one writer where a store is not fit for several; None where it is.

    Raises:
        StorageError: another writer is at work there, or the clocks are too far apart to tell.
    """
    store = store_of(cache)
    problems = next((found for known, found in _known if known is store), None)
    if problems is None:
        problems = unmet(cache.storage)
        _known.append((store, problems))
    if not problems:
        return None
    _require_same_clock(cache)
    lease = remote_leases.acquire(cache, WRITER, LEASE_SECONDS, again=True)
    if lease is None or lease.is_lost():  # of two at the same moment the later one has it
        holder = remote_leases.holder_of(cache, WRITER)
        who = f"process {holder.pid} on {holder.host}" if holder else "another one"
        raise StorageError(
            f"{cache}: this store is not fit for several writers ({problems[0]}), and {who} is at work there; "
            "wait until it ends (one of another machine counts for 10 minutes more), or use another store"
        )
    return lease


def _require_same_clock(cache: UrlPath) -> None:
    """Raise StorageError if the store's clock is far from ours: a lease is all that keeps writers apart here."""
    storage, name = cache.storage, f".clock-{uuid.uuid4().hex}"
    storage.put_if_absent(name, b"now")
    try:
        apart = time.time() - storage.size(name).modified_ns / 1e9
    finally:
        storage.delete(name)
    if abs(apart) > SECONDS_APART:
        raise StorageError(
            f"{cache}: this store is not fit for several writers, and its clock and this machine's are "
            f"{abs(apart) / 60:.0f} minutes apart, so that two might not see each other; set the clock, or use "
            "another store"
        )
