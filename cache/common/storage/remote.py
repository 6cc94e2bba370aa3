"""Objects behind a URL as a storage, through the library obstore: S3, GCS, Azure, HTTP, memory."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from cache.common.storage.protocol import (
    Bytes,
    Content,
    DeniedError,
    EndedError,
    Entry,
    RemoteError,
    TooLargeError,
)
from cache.common.storage.secrets import scrubbed
from cache.common.storage.url_path import READ_ONLY, UrlPath

Result = TypeVar("Result")
ATTEMPTS = 4  # at reading, beside what the library itself tries again
PAUSE = 0.2  # seconds before the second one; each further one waits twice as long
STATUS = re.compile(r"status code: ([45][0-9]{2})")
NO_LIST = "by http a cache is read from a server with WebDAV (PROPFIND); or copy the cache to a folder"
NETWORK = "check the network, the endpoint (AWS_ENDPOINT_URL, …) and run again: what is finished is intact"
DENIED = "check the credentials in the environment (AWS_ACCESS_KEY_ID, …) and the rights of their user"
FOREIGN = "no cache makes such names: look who did, and remove it with the store's own tools"
MAX_SAID = 200  # characters of what the library says
WAY_OUT = "emi-cache verify lists all damage"
SAME_BYTES = 1 << 20  # an object that may be ours after all is read again up to this size


class RemoteStorage:
    """Objects whose names begin with the key of ``root``; see ``Storage``.

    A request whose answer got lost may have been done: an object that is found where ours should be, with our very
    bytes, is ours.
    """

    def __init__(self, root: UrlPath, store: Any) -> None:
        self._root, self._store = root, store
        self._prefix = f"{root.key}/" if root.key else ""

    def read(self, name: str, limit: int | None = None) -> Content:
        """Return an object whole."""
        import obstore

        def get() -> Content:
            found = obstore.get(self._store, self._prefix + name)
            if limit is not None and found.meta["size"] > limit:
                too_large = f"{found.meta['size']} bytes, expected at most {limit}"
                raise TooLargeError(self._root / name, too_large, "remove it")
            data = bytes(found.bytes())
            if len(data) != found.meta["size"]:
                raise self._cut_short(name)
            return Content(data, found.meta["e_tag"] or "")

        return self._again(name, get)

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Return some bytes of an object."""
        try:
            [data] = self.read_ranges(name, [(start, stop)])
        except EndedError:
            return b""
        return data

    def read_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Return several ranges of bytes, each at once beside the others, neighbours in one request."""
        import obstore

        def get() -> Sequence[bytes]:
            starts, stops = ([each[side] for each in ranges] for side in (0, 1))
            found = obstore.get_ranges(self._store, self._prefix + name, starts=starts, ends=stops)
            return [bytes(each) for each in found]

        return self._again(name, get) if ranges else []

    def size(self, name: str) -> Entry:
        """Return size and tag of an object."""
        import obstore

        meta = self._again(name, lambda: obstore.head(self._store, self._prefix + name))
        return _entry(name, meta)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield objects in the order of the store; a request for every thousand."""
        import obstore

        folder, _, start = (self._prefix + prefix).rpartition("/")
        found = self._again(prefix, lambda: list(obstore.list(self._store, folder or None)))
        for meta in (meta for page in found for meta in page):
            path = str(meta["path"])
            if path.startswith(f"{folder}/{start}" if folder else start):
                yield _entry(path.removeprefix(self._prefix), meta)

    def names(self, folder: str) -> Sequence[str]:
        """Return what lies directly in a folder: objects, and folders of objects."""
        objects, folders = self._listed(folder)
        paths = [*(str(meta["path"]) for meta in objects), *folders]
        return sorted({path.rstrip("/").rpartition("/")[2] for path in paths})

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the objects that lie directly in a folder, named below it."""
        objects, _ = self._listed(folder)
        return [_entry(str(meta["path"]).rpartition("/")[2], meta) for meta in objects]

    def _listed(self, folder: str) -> tuple[Sequence[Any], Sequence[str]]:
        """Return the objects directly in a folder, and the folders; not what consoles make to stand for it."""
        import obstore

        where = (self._prefix + folder).strip("/")
        found = self._again(folder, lambda: obstore.list_with_delimiter(self._store, where or None))
        objects = [meta for meta in found["objects"] if str(meta["path"]).strip("/") != where]
        return objects, [str(each) for each in found["common_prefixes"]]

    def put_if_absent(self, name: str, *pieces: Bytes) -> str | None:
        """Store an object under a free name: ``If-None-Match: *``."""
        return self._put(name, pieces, "create")

    def replace_if_match(self, name: str, tag: str | None, *pieces: Bytes) -> str | None:
        """Store an object in the place of the one with this tag: ``If-Match``."""
        return self._put(name, pieces, "overwrite" if tag is None else {"e_tag": tag})

    def delete(self, name: str) -> None:
        """Remove an object."""
        import obstore

        with suppress(FileNotFoundError):
            self._again(name, lambda: obstore.delete(self._store, self._prefix + name))

    def delete_all(self) -> None:
        """Remove the object that the root itself names, and all below it."""
        RemoteStorage(self._root.parent, self._store).delete(self._root.name)
        for entry in [*self.list("")]:
            self.delete(entry.name)

    def _put(self, name: str, pieces: tuple[Bytes, ...], mode: Any) -> str | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError

        if self._root.scheme in READ_ONLY:
            raise RemoteError(self._root / name, "can only be read by HTTP", "write to s3://, gs:// or az://")
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)

        def put() -> str | None:
            try:
                done = obstore.put(self._store, self._prefix + name, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return self._tag_if_ours(name, data)
            except (FileNotFoundError, NotFoundError):
                if isinstance(mode, dict):  # what was to be replaced is gone
                    return None
                raise RemoteError(
                    self._root / name, "no such bucket", "make it first, or name another"
                ) from None
            return done["e_tag"] or ""

        return self._again(name, put)

    def _tag_if_ours(self, name: str, data: Bytes) -> str | None:
        if len(data) > SAME_BYTES:
            return None
        with suppress(FileNotFoundError, TooLargeError):
            found = self.read(name, SAME_BYTES)
            return found.tag if found.data == bytes(data) else None
        return None

    def _again(self, name: str, ask: Callable[[], Result]) -> Result:
        """Ask the store, several times where that may help, and put what it says into this project's words."""
        from obstore.exceptions import BaseError

        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except RemoteError as error:
                if not error.retry or attempt == ATTEMPTS:
                    raise
            except (BaseError, OSError, ValueError) as error:
                found = self._error(name, error)
                if attempt == ATTEMPTS or not isinstance(found, RemoteError) or not found.retry:
                    raise found from None
            time.sleep(PAUSE * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    def _error(self, name: str, error: Exception) -> RemoteError | FileNotFoundError:
        from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

        place, text = self._root / name, str(error).partition("Debug source:")[0]
        status = STATUS.search(text)
        code = int(status[1]) if status else 0
        known = _known_reason(text, code)
        if known is not None:
            return RemoteError(place, *known)
        if isinstance(error, FileNotFoundError | NotFoundError):
            return FileNotFoundError(errno.ENOENT, "No such object", str(place))
        if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError) or code in (
            401,
            403,
        ):
            return DeniedError(place, "access denied", DENIED)
        if code == 416:  # a range behind the end
            return EndedError(place, "ends before the bytes that were asked for", WAY_OUT)
        reason = " ".join(scrubbed(text.partition("<?xml")[0]).split())[:MAX_SAID].rstrip(" :")
        return RemoteError(place, reason, NETWORK, retry=not (400 <= code < 500 or code == 501))

    def _cut_short(self, name: str) -> RemoteError:
        return RemoteError(self._root / name, "the answer was cut short", NETWORK, retry=True)


def _entry(name: str, meta: Any) -> Entry:
    modified_ns = (
        int(meta["last_modified"].timestamp()) * 10**9
    )  # stores tell whole seconds, or not the same parts
    return Entry(name, meta["size"], meta["e_tag"] or "", modified_ns)


def _known_reason(text: str, code: int) -> tuple[str, str] | None:
    """Return reason and way out of an error that is known by its words."""
    if "PROPFIND" in text and code in (403, 404, 405, 501):
        return "this server does not list its folders", NO_LIST
    if "NoSuchBucket" in text:
        return "no such bucket", "make it first, or name another"
    if "invalid path" in text:
        named = " ".join(scrubbed(text).partition("invalid path: ")[2].split())[:MAX_SAID]
        return f"an object there has a name that is none ({named})", FOREIGN
    return None
