"""What a cache needs of the place where it lies: six operations on whole objects, by their names below its root."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from cache.common.errors import StorageError

Bytes = bytes | memoryview


class Entry(NamedTuple):
    """One object: its name below the root, its bytes, and a tag that another content does not have."""

    name: str
    size: int
    tag: str


class Content(NamedTuple):
    """The bytes of an object, and the tag that they had."""

    data: bytes
    tag: str


class Storage(Protocol):
    """A place for the objects of a cache. One of a new kind passes ``tests/cache/common/storage/test_storage.py``.

    What is not there raises FileNotFoundError; whatever else goes wrong raises StorageError, whose text says where,
    why and what to do, and never holds what opens the door.
    """

    def read(self, name: str, limit: int | None = None) -> Content:
        """Return an object whole; one of more than ``limit`` bytes raises StorageError."""

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Return the bytes ``start:stop``, fewer where the object ends before."""

    def size(self, name: str) -> Entry:
        """Return what the place says about an object."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield the objects whose names begin with ``prefix``, a folder with its slash, in any order."""

    def put_if_absent(self, name: str, *pieces: Bytes) -> str | None:
        """Store an object whole under a name that is free, and return its tag; None where it is taken."""

    def replace_if_match(self, name: str, tag: str | None, *pieces: Bytes) -> str | None:
        """Store an object in the place of the one with ``tag``; None where that is gone, or another one by now.

        Without a tag it is stored whatever is there.
        """

    def delete(self, name: str) -> None:
        """Remove an object, which may be gone already."""


class RemoteError(StorageError):
    """A store behind a URL, or the network before it, said no; ``retry`` says whether to ask again may help."""

    def __init__(self, place: object, reason: str, way_out: str, *, retry: bool = False) -> None:
        OSError.__init__(self, errno.EIO, reason)
        self.place, self.way_out, self.retry = str(place), way_out, retry

    def __str__(self) -> str:
        return f"{self.place}: {self.strerror}; {self.way_out}"


class EndedError(RemoteError):
    """An object ends before the bytes that were asked for."""


class DeniedError(RemoteError):
    """The store does not let this user do this."""


class TooLargeError(RemoteError):
    """An object has more bytes than are read here."""
