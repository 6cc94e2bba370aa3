"""Open files for positioned reads: any number of readers and shards, and never too many handles at once.

No lock is held and no state is shared while reading, so threads and forks may read at once.
"""

from __future__ import annotations

import os
import resource
import weakref
from collections import deque
from pathlib import Path

from cache.common import gate
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format.record import WAY_OUT
from cache.shards.remote_files import RemoteFile

MAX_HANDLES = 200  # of this process


class Handle:
    """A file handle that closes when its last user lets go of it."""

    def __init__(self, root: Path, path: Path) -> None:
        self.number = gate.open_file(root, path)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class ReadFile:
    """A file that stays open while it is among the last ones opened, and is opened again when needed.

    Args:
        path: of the file.
        root: of the cache; below it, no link is followed.

    Raises:
        OSError: it cannot be opened the first time.
        DamagedCacheError: it is a link, or no file.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._kept: Handle | None = None
        self._identity = _identity(self._open())

    def handle(self) -> Handle:
        """Return the open handle; whoever reads from it keeps it until then.

        Raises:
            DamagedCacheError: the file is gone, or another one than before.
        """
        kept = self._kept
        if kept is not None:
            return kept
        try:
            opened = self._open()
        except OSError as error:
            raise DamagedCacheError(
                f"{self._path}: {error.strerror or error}; emi-cache verify lists all damage"
            ) from None
        if _identity(opened) != self._identity:
            self._kept = None
            raise DamagedCacheError(f"{self._path}: was replaced while it was read; open the cache again")
        return opened

    def fill(self, out: memoryview, position: int) -> None:
        """Fill ``out`` with the file's bytes from ``position`` on, however many reads that takes.

        Raises:
            DamagedCacheError: the file ends before.
        """
        handle = self._kept or self.handle()
        done = os.preadv(handle.number, [out], position)
        while done < out.nbytes:  # a signal, or more than the system reads at once
            count = os.preadv(handle.number, [out.cast("B")[done:]], position + done)
            if count == 0:
                raise DamagedCacheError(f"{self._path}: ends before byte {position + out.nbytes}; {WAY_OUT}")
            done += count

    def end(self, count: int) -> tuple[bytes, int]:
        """Return the last ``count`` bytes, fewer where there are no more, and the size of the file."""
        handle = self.handle()
        size = os.fstat(handle.number).st_size
        return os.pread(handle.number, count, max(0, size - count)), size

    def _open(self) -> Handle:
        _make_room()
        opened = self._kept = Handle(self._root, self._path)
        _recent.append(weakref.ref(self))  # after it is kept: no handle is kept without its entry
        return opened

    def forget(self) -> None:
        """Let go of the handle."""
        self._kept = None


def open_file(path: Path, root: Path, num_bytes: int) -> ReadFile | RemoteFile:
    """Open a shard's file for positioned reads, on a disk or behind a URL; ``ReadFile`` says the rest.

    Args:
        path: of the file.
        root: of the cache.
        num_bytes: that the file has, as far as its record says.
    """
    return RemoteFile(path, num_bytes) if isinstance(path, UrlPath) else ReadFile(path, root)


_recent: deque[weakref.ref[ReadFile]] = deque()  # one entry for each handle that is kept, at least


def max_handles() -> int:
    """Return how many handles are kept: most of what the process may open is left to others."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_HANDLES if limit == resource.RLIM_INFINITY else max(1, min(MAX_HANDLES, limit // 4))


def _make_room() -> None:
    most = max_handles()
    while len(_recent) >= most:
        try:
            oldest = _recent.popleft()()
        except IndexError:  # another thread was quicker
            return
        if oldest is not None:
            oldest.forget()


def _identity(handle: Handle) -> tuple[int, int, int]:
    status = os.fstat(handle.number)
    return status.st_dev, status.st_ino, status.st_size
