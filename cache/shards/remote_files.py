"""Bytes of shards behind a URL, fetched in blocks that are kept for a while: neighbours come in one request.

A block that is read is not trusted for that: the reader compares the checksum of every clip and array.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format.record import WAY_OUT

BLOCK = 1 << 20  # bytes
WHOLE = 8 * BLOCK  # a file of so many bytes is fetched at once: a shard of a compact cache is one
MOST_AHEAD = 8  # blocks more than were asked for, where a file is read from front to back
KEPT = 256 * BLOCK  # of all files, of this process


class RemoteFile:
    """A shard's file behind a URL, for positioned reads; safe in threads.

    Args:
        path: of the file.
        num_bytes: that it has, as far as its record says.
    """

    def __init__(self, path: UrlPath, num_bytes: int) -> None:
        self._path, self._num_bytes = path, num_bytes
        self._next, self._ahead = 0, 1  # the block after those fetched last, and how many to fetch beyond

    def fill(self, out: memoryview, position: int) -> None:
        """Fill ``out`` with the file's bytes from ``position`` on.

        Raises:
            DamagedCacheError: the file is gone, or ends before.
            RemoteError: the store does not answer.
        """
        view = out.cast("B")
        first, last = position // BLOCK, (position + view.nbytes - 1) // BLOCK
        blocks = self._blocks(first, last + 1)
        done = 0
        for number in range(first, last + 1):
            inside = position + done - number * BLOCK
            part = memoryview(blocks[number])[inside : inside + view.nbytes - done]
            view[done : done + len(part)] = part
            done += len(part)
            if done < view.nbytes and inside + len(part) < BLOCK:
                raise DamagedCacheError(f"{self._path}: ends before byte {position + view.nbytes}; {WAY_OUT}")

    def end(self, count: int) -> tuple[bytes, int]:
        """Return the last ``count`` bytes, fewer where there are no more, and the size of the file."""
        size = self._path.parent.storage.size(self._path.name).size
        out = bytearray(min(count, size))
        if out:
            self.fill(memoryview(out), size - len(out))
        return bytes(out), size

    def _blocks(self, first: int, stop: int) -> dict[int, bytes]:
        """Return the blocks, those that are missing fetched in one request, with some more where they are next."""
        found = _kept().get(str(self._path), range(first, stop))
        missing = [number for number in range(first, stop) if number not in found]
        if not missing:
            return found
        begin, end = missing[0], missing[-1] + 1
        if self._num_bytes <= WHOLE:
            begin, end = 0, max(end, -(-self._num_bytes // BLOCK))
        else:
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if begin == self._next else 1
            end += self._ahead - 1
        self._next = end
        try:
            data = self._path.parent.storage.read_range(self._path.name, begin * BLOCK, end * BLOCK)
        except FileNotFoundError as error:
            raise DamagedCacheError(f"{self._path}: {error.strerror}; {WAY_OUT}") from None
        fetched = {n: data[(n - begin) * BLOCK : (n - begin + 1) * BLOCK] for n in range(begin, end)}
        _kept().put(str(self._path), fetched)
        return found | fetched


class _Kept:
    """The blocks that were used last, of all files."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, path: str, numbers: range) -> dict[int, bytes]:
        """Return those of the blocks that are kept."""
        with self._lock:
            keys = [(path, number) for number in numbers if (path, number) in self._blocks]
            for key in keys:
                self._blocks.move_to_end(key)
            return {number: self._blocks[path, number] for _, number in keys}

    def put(self, path: str, blocks: dict[int, bytes]) -> None:
        """Keep blocks, and let go of those not used for the longest time."""
        with self._lock:
            for number, data in blocks.items():
                if data and (path, number) not in self._blocks:
                    self._blocks[path, number] = data
                    self._bytes += len(data)
            while self._bytes > KEPT:
                self._bytes -= len(self._blocks.popitem(last=False)[1])


_all = [_Kept()]


def _kept() -> _Kept:
    if _all[0].pid != os.getpid():  # a fork may have taken the lock over held
        _all[0] = _Kept()
    return _all[0]


def forget() -> None:
    """Let go of all blocks: files were written anew."""
    _all[0] = _Kept()
