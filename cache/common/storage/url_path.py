"""Paths that are URLs: a cache on an object store, named where a folder's path would stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PosixPath, PurePosixPath
from typing import TypeVar

from cache.common.errors import StorageError
from cache.common.storage.protocol import RemoteObjects
from cache.common.storage.secrets import scrubbed

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
SCHEMES = ("s3", "gs", "az", "http", "https", "memory")
URL = re.compile(rf"({'|'.join(SCHEMES)}):/+([^/]*)(/.*)?", re.IGNORECASE | re.DOTALL)
OTHER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,254}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
AT_ONCE = 16  # requests
READ_ONLY = ("http", "https")


storages: list[Callable[[UrlPath], RemoteObjects]] = []  # the one way to them, which connects


class UrlPath(PosixPath):
    """A place behind a URL, ``s3://bucket/cache`` for example: made by ``place``, joined and named as paths are.

    It is no file of this machine: whatever would open it as one is refused in one line.
    """

    def __str__(self) -> str:
        return f"{self.parts[0]}//{'/'.join(self.parts[1:])}"

    def __fspath__(self) -> str:
        raise StorageError(f"{self}: a folder of this machine is needed here, found a URL")

    def __reduce__(self) -> tuple[type[UrlPath], tuple[str, ...]]:
        return type(self), tuple(self.parts)

    @property
    def parent(self) -> UrlPath:
        """The place above."""
        return UrlPath(*self.parts[:-1])

    @property
    def scheme(self) -> str:
        """The kind of store: one of ``SCHEMES``."""
        return self.parts[0].removesuffix(":")

    @property
    def bucket(self) -> str:
        """The bucket, the container, or the host with its port."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """What comes after the bucket."""
        return "/".join(self.parts[2:])

    @property
    def storage(self) -> RemoteObjects:
        """What lies below this place."""
        return storages[0](self)

    def exists(self, **_: bool) -> bool:
        """Say whether an object of this name is there; folders do not exist by themselves."""
        return self._is_there()

    def is_file(self, **_: bool) -> bool:
        """Say whether an object of this name is there."""
        return self._is_there()

    def is_dir(self, **_: bool) -> bool:
        """Say whether objects are there whose names begin with this one."""
        return bool(self.storage.names(""))

    def is_symlink(self) -> bool:
        """There are no links behind a URL."""
        return False

    def is_absolute(self) -> bool:
        """A URL means the same wherever the process is."""
        return True

    def absolute(self) -> UrlPath:
        """Return the same place."""
        return self

    def resolve(self, strict: bool = False) -> UrlPath:  # noqa: ARG002 - as of any path
        """Return the same place: nothing behind a URL leads elsewhere."""
        return self

    def relative_to(self, *other: Path | str) -> PurePosixPath:  # type: ignore[override]
        """Return what comes after another place, which is no URL any more."""
        above = UrlPath(*other)
        if self.parts[: len(above.parts)] != above.parts:
            raise ValueError(f"{self} does not lie below {above}")
        return PurePosixPath(*self.parts[len(above.parts) :])

    def _is_there(self) -> bool:
        try:
            self.parent.storage.size(self.name)
        except FileNotFoundError:
            return False
        return True


def in_threads(ask: Callable[[Asked], Answer], each: Iterable[Asked]) -> list[Answer]:
    """Return the answers to many requests, several of them under way at once; the first error is raised."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE, "emi-requests") as pool:
        return list(pool.map(ask, each))


def is_url(given: Path | str) -> bool:
    """Say whether text, or a path made of it, is the URL of an object store."""
    return isinstance(given, UrlPath) or URL.match(str(given)) is not None


def place(given: Path | str) -> Path:
    """Return the path of a folder, or of a place behind a URL.

    Credentials have no place in a URL: it would stand in records and messages. They come from the environment.

    Raises:
        StorageError: a URL with a user, a password, a signature, or of another kind of store.
    """
    if isinstance(given, UrlPath):
        return given
    text = str(given)
    parsed = URL.fullmatch(text)
    if parsed is None:
        if isinstance(given, str) and OTHER.match(text):
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise StorageError(f"{scrubbed(text)}: expected one of {known}, or a folder")
        return Path(given)
    scheme, bucket, key = parsed[1].lower(), parsed[2], parsed[3] or ""
    shown = scrubbed(f"{scheme}://{bucket}{key}".partition("#")[0])
    if "@" in bucket or "?" in text or "#" in text:
        raise StorageError(
            f"{shown}: a URL with a user, a password, a query or a signature; credentials come from the "
            "environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY, …): leave "
            "them out here"
        )
    parts = [part for part in key.split("/") if part]
    if not BUCKET.fullmatch(bucket) or {".", ".."} & set(parts) or not key.isprintable():
        raise StorageError(f"{shown}: no URL of a store; expected for example s3://bucket/cache")
    return UrlPath(f"{scheme}:", bucket, *parts)
