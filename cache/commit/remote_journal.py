"""Journals of the writers of a cache behind a URL: an object each, put anew before every commit record.

They say what ``journal`` says in a folder, so that a commit asks for what is new and not for the names of all
records, a request for every thousand. The objects stay small: after some hundred shards a writer begins another.
"""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Iterator, Sequence
from time import time

from cache.commit.journal import DEAD_SECONDS, SUFFIX, News, line_of, shard_of
from cache.commit.processes import host_name, is_dead
from cache.common.gate import FILE_NAME
from cache.common.storage.protocol import Entry, RemoteObjects, TooLargeError
from cache.common.storage.url_path import UrlPath, in_threads
from cache.format.catalog import WRITERS

LINES = 500  # of a journal
MAX_BYTES = 1 << 20  # of a journal


class RemoteJournal:
    """This writer's journal, and how far it has read those of the others."""

    def __init__(self, cache: UrlPath) -> None:
        self._root, self._pid = cache / WRITERS, 0
        self._mine: list[str] = []  # the last one is added to
        self._lines: list[bytes] = []
        self._seen: dict[str, tuple[str, int]] | None = None  # another's journal → its tag, bytes read of it

    def announce(self, shard: str) -> None:
        """Say that a record of this shard is about to be written; raises RemoteError."""
        self._own()
        if len(self._lines) >= LINES:
            self._begin()
        self._lines.append(line_of(shard))
        self._root.storage.replace_if_match(self._mine[-1], None, b"".join(self._lines))

    def news(self) -> News:
        """Read what the others have announced since the last time.

        It is not all when a journal has come or gone, the first time for example.
        """
        self._own()
        storage = self._root.storage
        there = {entry.name: entry for entry in _journals(storage) if entry.name not in self._mine}
        before = self._seen
        is_all = before is not None and before.keys() == there.keys()
        known = {name: (before or {}).get(name, ("", 0)) for name in there}
        changed = [name for name, entry in there.items() if not entry.tag or known[name][0] != entry.tag]
        announced: list[str] = []
        for name, data in zip(changed, in_threads(lambda each: _read(storage, each), changed), strict=True):
            end = known[name][1]
            if data is None or len(data) < end:  # gone, or another one
                del known[name]
                continue
            shards = list(map(shard_of, filter(None, data[end:].split(b"\n"))))
            announced += [shard for shard in shards if shard is not None]
            is_all = is_all and None not in shards
            known[name] = there[name].tag, len(data)
        self._seen = known
        return News(announced, is_all and known.keys() == there.keys())

    def _own(self) -> None:
        """Have a journal: a fork has one of its own, which the other one reads."""
        if self._pid != os.getpid():
            self._mine = []
            self._begin()
            weakref.finalize(self, _leave, self._mine)

    def _begin(self) -> None:
        """Show this writer to the others by a new name, then remove the journals of those that were dead before."""
        storage, self._pid = self._root.storage, os.getpid()
        dead = [entry.name for entry in _journals(storage) if _is_dead(entry)]
        self._mine.append(f"{host_name()}.{self._pid}.{uuid.uuid4().hex[:8]}{SUFFIX}")
        _living.add(self._mine[-1])
        self._lines = [b"\n"]
        storage.put_if_absent(self._mine[-1], *self._lines)
        self._seen = None  # the next look is at the records
        for name in dead:
            storage.delete(name)


def _journals(storage: RemoteObjects) -> Iterator[Entry]:
    for entry in storage.entries(""):
        if entry.name.endswith(SUFFIX) and FILE_NAME.fullmatch(entry.name):
            yield entry


def _read(storage: RemoteObjects, name: str) -> bytes | None:
    try:
        return storage.read(name, MAX_BYTES).data
    except (FileNotFoundError, TooLargeError):
        return None


def _is_dead(entry: Entry) -> bool:
    host, pid = entry.name.split(".")[:2]
    if (host, pid) == (host_name(), str(os.getpid())):
        return entry.name not in _living  # an earlier process had the same number, or its writer is no more
    written = entry.modified_ns / 1e9
    dead = is_dead(host, int(pid), written) if pid.isdecimal() else None
    return time() - written > DEAD_SECONDS if dead is None else dead


def _leave(mine: Sequence[str]) -> None:
    """Know that a writer of this process is no more; no request, since the network may be why it ends.

    Whoever writes to the cache next takes its journals away.
    """
    _living.difference_update(mine)


_living: set[str] = set()  # journals of the writers of this process
