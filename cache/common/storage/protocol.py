"""What a cache needs of the place where it lies: six operations on whole objects, by their names below its root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from cache.common.errors import EmiError

Bytes = bytes | memoryview


class Entry(NamedTuple):
    """One object: its name below the root, its bytes, a tag that another content does not have, and its time."""

    name: str
    size: int
    tag: str
    modified_ns: int = 0


class Content(NamedTuple):
    """The bytes of an object, and the tag that they had."""

    data: bytes
    tag: str


class Storage(Protocol):
    """A place for the objects of a cache. One of a new kind passes ``tests/cache/common/storage/test_places.py``.

    What is not there raises FileNotFoundError. A disk that says no raises StorageError, a store behind a URL
    RemoteError: its text says where, why and what to do, and never holds what opens the door.
    """

    def read(self, name: str, limit: int | None = None) -> Content:
        """Return an object whole; one of more than ``limit`` bytes raises an error."""

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


class RemoteObjects(Storage, Protocol):
    """What lies behind a URL: besides, some questions that save requests."""

    def names(self, folder: str) -> Sequence[str]:
        """Return what lies directly in a folder, sorted: objects, and folders of objects."""

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the objects that lie directly in a folder, named below it."""

    def delete_all(self) -> None:
        """Remove the object that the root itself names, and all below it."""


class RemoteError(EmiError):
    """A store behind a URL, or the network before it, said no.

    It says nothing about the cache: whoever looks for damage, or takes what is unreadable for missing, lets it by.

    Attributes:
        reason: what went wrong.
        retry: whether to ask again may help.
    """

    def __init__(self, place: object, reason: str, way_out: str, retry: bool = False) -> None:
        super().__init__(str(place), reason, way_out, retry)
        self.reason, self.retry = reason, retry

    def __str__(self) -> str:
        place, reason, way_out, _ = self.args
        return f"{place}: {reason}; {way_out}"


class EndedError(RemoteError):
    """An object ends before the bytes that were asked for."""


class DeniedError(RemoteError):
    """The store does not let this user do this."""


class TooLargeError(RemoteError):
    """An object has more bytes than are read here."""
