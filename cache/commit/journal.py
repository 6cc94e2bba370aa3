"""The writers' journals: which shards are being recorded, so that a writer need not list a folder to know.

Every writer of a cache has a file of its own in ``CACHE/writers/``, and adds a shard's name to it *before* it
writes the shard's commit record. So whoever has read the journals knows of every record that stood there when it
began to read. No journal goes unseen: before a writer removes those of the dead, its own is there, so that the
set of them is not the same again when one has come and gone meanwhile.
"""

from __future__ import annotations

import errno
import os
import time
import uuid
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import google_crc32c

from cache.commit.processes import host_name, is_dead
from cache.common import durable, gate
from cache.common.errors import DamagedCacheError
from cache.format.catalog import WRITERS
from cache.format.record import SAFE_NAME

SUFFIX = ".journal"
APPEND = os.O_WRONLY | os.O_APPEND | gate.NOFOLLOW
MAX_BYTES = 1 << 24  # of a journal: 600,000 shards
DEAD_SECONDS = 86_400.0  # after which the journal of another machine that nothing was added to is removed


class News(NamedTuple):
    """What the journals say: shards announced since the last time, and whether that is all that can be new."""

    announced: list[str]
    is_all: bool


class Journal:
    """This writer's journal, and how far it has read those of the others."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / WRITERS
        self._path: Path | None = None
        self._pid = 0
        self._ends: dict[str, int] = {}  # another's journal → bytes read of it

    def announce(self, shard: str) -> None:
        """Say that a record of this shard is about to be written.

        Raises:
            StorageError: it cannot be said; then the record must not be written.
        """
        path = self._own()
        with durable.storage_errors(path):
            try:
                file = os.open(path, APPEND)
            except FileNotFoundError:  # taken for dead: begin anew, under a name that nobody has read
                file = os.open(self._begin(), APPEND)
            try:
                line = b"\n" + line_of(shard)  # a line of its own, whatever a full disk has cut off before
                if os.write(file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            finally:
                os.close(file)

    def news(self) -> News:
        """Read what the others have announced since the last time.

        It is not all when a journal has come or gone, the first time for example: then only the records
        themselves tell what is new.
        """
        own = self._own()
        sizes = dict(self._sizes(own))
        is_all = sizes.keys() == self._ends.keys()
        if is_all and sizes == self._ends:
            return News([], is_all)
        self._ends = {name: self._ends.get(name, 0) for name in sizes}
        added = [shard for name in sizes for shard in self._added(name)]
        announced = [shard for shard in added if shard is not None]
        is_all = is_all and len(announced) == len(
            added
        )  # else a line is damaged: the records tell what it said
        return News(announced, is_all and sizes.keys() == self._ends.keys())

    def _added(self, name: str) -> Iterator[str | None]:
        """Yield what was added to a journal, None for a damaged line.

        A line that is still being written is read the next time.
        """
        end = self._ends[name]
        try:
            with gate.opened(self._folder.parent, self._folder / name, MAX_BYTES) as file:
                file.seek(end)
                added = file.read(MAX_BYTES)
        except (OSError, DamagedCacheError):  # it has gone, may not be read, or is none
            del self._ends[name]
            return
        whole = added[: added.rfind(b"\n") + 1]
        self._ends[name] = end + len(whole)
        yield from (shard_of(line) for line in whole.split(b"\n") if line)

    def _own(self) -> Path:
        """Return this process's journal: a fork has one of its own, which the other one reads."""
        if self._path is None or self._pid != os.getpid():
            with durable.storage_errors(self._folder):
                return self._begin()
        return self._path

    def _begin(self) -> Path:
        """Show this writer to the others, then remove the journals of those that were dead before."""
        self._pid = os.getpid()
        path = self._path = self._folder / f"{host_name()}.{self._pid}.{uuid.uuid4().hex[:8]}{SUFFIX}"
        dead = _appear(path)
        self._ends = {"": 0}  # like no set of journals: the first look is at the records
        for other in dead:
            gate.remove(self._folder.parent, other)
        weakref.finalize(self, _leave, path, self._pid)
        return path

    def _sizes(self, own: Path) -> Iterator[tuple[str, int]]:
        if not self._folder.exists():
            own = self._begin()
        for path in _journals(self._folder):
            if path != own:
                with suppress(FileNotFoundError):
                    yield path.name, path.lstat().st_size


def line_of(shard: str) -> bytes:
    """Return a line: the shard, and a checksum after two spaces, so that no flipped bit makes both one name."""
    return f"{shard}  {google_crc32c.value(shard.encode()):08x}\n".encode()


def shard_of(line: bytes) -> str | None:
    """Return the shard of a line, also of an earlier version's, without checksum; None for a damaged one."""
    shard = line.split(b"  ")[0].decode(errors="replace")
    is_whole = SAFE_NAME.fullmatch(shard) and line + b"\n" in (line_of(shard), f"{shard}\n".encode())
    return shard if is_whole else None


def _journals(folder: Path) -> list[Path]:
    return gate.own_files(folder.parent, folder.name, SUFFIX)


def _appear(path: Path) -> list[Path]:
    """Make a journal; return those of the writers that were dead before."""
    while True:
        folder = gate.make_folder(path.parents[1], path.parent.name)
        with suppress(FileNotFoundError):  # the last writer takes the folder away at this moment
            dead = [other for other in _journals(folder) if _is_dead(other)]
            path.touch()
            return dead


def _is_dead(path: Path) -> bool:
    host, pid = path.name.split(".")[:2]
    try:
        written = path.lstat().st_mtime
    except OSError:
        return False
    dead = is_dead(host, int(pid), written) if pid.isdecimal() else None
    return time.time() - written > DEAD_SECONDS if dead is None else dead


def _leave(path: Path, pid: int) -> None:
    """Remove a journal that nobody reads: no other writer is alive, and one to come looks at the records."""
    if pid == os.getpid():
        _remove_if_dead(path.parent, own=path)


def remove_dead(cache: Path) -> None:
    """Remove the journals of a cache that no living writer has; all or none, since a living one reads them."""
    _remove_if_dead(cache / WRITERS)


def _remove_if_dead(folder: Path, own: Path | None = None) -> None:
    with suppress(OSError, DamagedCacheError):
        journals = _journals(folder)
        if all(path == own or _is_dead(path) for path in journals):
            for path in journals:
                gate.remove(folder.parent, path)
            folder.rmdir()
