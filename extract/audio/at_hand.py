"""A file behind a URL is fetched to the disk before a decoder sees it: no decoder is ever given an address.

Files stay there for a while, up to a bound those used last: a run reads a header first and the sound later.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cache.commit.processes import temporary_prefix
from cache.common.durable import storage_errors
from cache.common.storage.protocol import DeniedError, RemoteError
from cache.common.storage.url_path import UrlPath
from extract.errors import ClipError
from extract.sources.far_files import far_entry

KEPT_BYTES = 1 << 30  # of files that nobody reads at the moment
PIECE = 1 << 23  # bytes of a request
SUFFIX_LETTERS = 8
KIND = "emi-media"


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """Give a file of this machine: the file itself, or a copy of what lies behind a URL, until the context ends.

    Raises:
        ClipError: ``not_found``, or ``unreadable`` where access is denied or the store does not answer.
        StorageError: there is no room for the copy.
    """
    if not isinstance(path, UrlPath):
        yield path
        return
    copies = _copies()
    copy = copies.take(path)
    try:
        with copy.one_at_a_time:
            if not copy.is_there:
                with storage_errors(copy.file):
                    _fetch(path, copy.file)
                copy.is_there = True
        yield copy.file
    finally:
        copies.give_back(path)


def _fetch(path: UrlPath, file: Path) -> None:
    try:
        storage, found = path.parent.storage, far_entry(path)
        with file.open("wb") as out:
            for start in range(0, found.size, PIECE):
                out.write(storage.read_range(path.name, start, min(found.size, start + PIECE)))
            size = out.tell()
        if size != found.size or (size > PIECE and far_entry(path).tag != found.tag):
            raise ClipError("unreadable", f"changed while it was fetched ({size} bytes of {found.size})")
    except FileNotFoundError:
        raise ClipError("not_found", "no such object") from None
    except DeniedError:
        raise ClipError("unreadable", "access to the object is denied") from None
    except RemoteError as error:
        raise ClipError("unreadable", f"could not be fetched: {error.reason}") from None


@dataclass
class _Copy:
    """A file on its way to the disk, or there.

    Attributes:
        file: where it is.
        users: how many read it now.
        is_there: whether it is whole.
    """

    file: Path
    users: int = 0
    is_there: bool = False
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)


class _Copies:
    """The copies of this process, in a folder of its own that goes with it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._folder = tempfile.mkdtemp(prefix=temporary_prefix(KIND))
        weakref.finalize(self, _remove, self._folder, self.pid)
        self._lock = threading.Lock()
        self._copies: dict[str, _Copy] = {}  # the one used last comes last
        self._count = 0

    def take(self, path: UrlPath) -> _Copy:
        """Return the copy of a file, which stays until it is given back."""
        with self._lock:
            self._count += 1
            suffix = "".join(letter for letter in path.suffix if letter.isascii() and letter.isalnum())
            name = f"{self._count}.{suffix[:SUFFIX_LETTERS]}"
            copy = self._copies.pop(str(path), None) or _Copy(Path(self._folder, name))
            copy.users += 1
            self._copies[str(path)] = copy
            return copy

    def give_back(self, path: UrlPath) -> None:
        """Let go of a copy; those not used for the longest time make room."""
        with self._lock:
            self._copies[str(path)].users -= 1
            idle = [key for key, copy in self._copies.items() if not copy.users]
            sizes = {key: _size(self._copies[key].file) for key in idle}
            rest = sum(sizes.values())
            for key in idle:
                if rest > KEPT_BYTES or not self._copies[key].is_there:
                    self._copies.pop(key).file.unlink(missing_ok=True)
                    rest -= sizes[key]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _remove(folder: str, pid: int) -> None:
    if pid == os.getpid():  # and not a fork of it
        shutil.rmtree(folder, ignore_errors=True)


_all: list[_Copies] = []
_begin = threading.Lock()


def _copies() -> _Copies:
    with _begin:
        if not _all or _all[-1].pid != os.getpid():
            _all[:] = [_Copies()]
        return _all[-1]
