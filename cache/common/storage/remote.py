"""Objects behind a URL as a storage, through the library obstore: S3, GCS, Azure, HTTP, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from cache.common.storage import refusals
from cache.common.storage.protocol import (
    Bytes,
    Content,
    EndedError,
    Entry,
    RemoteError,
    TooLargeError,
)
from cache.common.storage.url_path import READ_ONLY, UrlPath

Result = TypeVar("Result")
ATTEMPTS = 4  # at reading, beside what the library itself tries again
PAUSE = 0.2  # seconds before the second one; each further one waits twice as long
NO_TAG = "ETag Header missing"  # what the library says of a put that was done, and answered without a tag
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
        import obstore

        def get() -> bytes:
            found = obstore.get(self._store, self._prefix + name, options={"range": (start, stop)})
            data = bytes(found.bytes())
            if (
                len(data) != min(stop, found.meta["size"]) - start
            ):  # the library believes what the header says
                raise self._cut_short(name)
            return data

        try:
            return self._again(name, get) if start < stop else b""
        except EndedError:
            return b""

    def size(self, name: str) -> Entry:
        """Return size and tag of an object."""
        import obstore

        return _entry(name, self._again(name, lambda: obstore.head(self._store, self._prefix + name)))

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield objects in the order of the store; a request for every thousand."""
        import obstore

        folder, _, start = (self._prefix + prefix).rpartition("/")
        found = self._again(prefix, lambda: list(obstore.list(self._store, folder or None)))
        for meta in (meta for page in found for meta in page):
            path = str(meta["path"])
            if path.startswith(f"{folder}/{start}" if folder else start):
                yield self._listed_entry(path.removeprefix(self._prefix), meta)

    def names(self, folder: str) -> Sequence[str]:
        """Return what lies directly in a folder: objects, and folders of objects."""
        objects, folders = self._listed(folder)
        paths = [*(str(meta["path"]) for meta in objects), *folders]
        return sorted({path.rstrip("/").rpartition("/")[2] for path in paths})

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the objects that lie directly in a folder, named below it."""
        objects, _ = self._listed(folder)
        return [self._listed_entry(str(meta["path"]).rpartition("/")[2], meta) for meta in objects]

    def _listed_entry(self, name: str, meta: Any) -> Entry:
        """Azure's lists leave out the quotation marks, which are a part of the tag everywhere else."""
        entry = _entry(name, meta)
        is_bare = self._root.scheme == "az" and entry.tag and not entry.tag.endswith('"')
        return entry._replace(tag=f'"{entry.tag}"') if is_bare else entry

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
        from obstore.exceptions import AlreadyExistsError, GenericError, NotFoundError, PreconditionError

        if self._root.scheme in READ_ONLY:
            raise RemoteError(self._root / name, "can only be read by HTTP", "write to s3://, gs:// or az://")
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)

        def put() -> str | None:
            try:
                kind = self._by_version(name, mode) if self._root.scheme == "gs" else mode
                done = obstore.put(self._store, self._prefix + name, data, mode=kind, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return self._tag_if_ours(name, data)
            except GenericError as error:
                if NO_TAG not in str(error):
                    raise
                return self._tag_if_ours(name, data, was_taken=True)
            except (FileNotFoundError, NotFoundError):
                if isinstance(mode, dict):  # what was to be replaced is gone
                    return None
                raise RemoteError(
                    self._root / name, "no such bucket", "make it first, or name another"
                ) from None
            return done["e_tag"] or ""

        return self._again(name, put)

    def _by_version(self, name: str, mode: Any) -> Any:
        """Google's condition is on the number of a version, so that of the object with the tag is looked up."""
        import obstore
        from obstore.exceptions import PreconditionError

        if not isinstance(mode, dict):
            return mode
        meta = obstore.head(self._store, self._prefix + name)
        if meta["e_tag"] != mode["e_tag"]:
            raise PreconditionError(name)
        return {"version": meta["version"]}

    def _tag_if_ours(self, name: str, data: Bytes, was_taken: bool = False) -> str | None:
        """Return the tag of an object that holds our bytes; as many bytes where the store has just taken ours."""
        with suppress(FileNotFoundError, TooLargeError):
            if len(data) > SAME_BYTES:
                entry = self.size(name) if was_taken else None
                return entry.tag if entry is not None and entry.size == len(data) else None
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
                found = refusals.understood(self._root / name, error)
                if attempt == ATTEMPTS or not isinstance(found, RemoteError) or not found.retry:
                    raise found from None
            except BaseException as error:
                if type(error).__name__ != "PanicException":  # of the library, which means no harm by it
                    raise
                raise refusals.network(
                    self._root / name, f"the library gave up ({error})", retry=False
                ) from None
            time.sleep(PAUSE * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    def _cut_short(self, name: str) -> RemoteError:
        return refusals.network(self._root / name, "the answer was cut short")


def _entry(name: str, meta: Any) -> Entry:
    modified_ns = (
        int(meta["last_modified"].timestamp()) * 10**9
    )  # stores tell whole seconds, or not the same parts
    return Entry(name, meta["size"], meta["e_tag"] or "", modified_ns)
