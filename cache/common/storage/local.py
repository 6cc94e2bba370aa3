"""A folder of this machine as a storage: every object is whole or absent, and on the disk once it is said to be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cache.common import durable, gate
from cache.common.storage import turns
from cache.common.storage.protocol import Bytes, Content, Entry

Publish = Callable[[Path, Path], bool]  # gives what was written aside its name; says whether it has it now


class LocalStorage:
    """Objects are files below ``root``, written aside, forced to the disk and linked under their names.

    A file's tag is made of its inode, size and time. Between looking at a tag and replacing the file, writers take
    turns by a lock on the folder, where the file system has locks.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str, limit: int | None = None) -> Content:
        """Return a file whole."""
        with gate.opened(self._root, self._path(name), limit) as file:
            return Content(file.read(), _tag(os.fstat(file.fileno())))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Return some bytes of a file."""
        with gate.opened(self._root, self._path(name)) as file:
            return os.pread(file.fileno(), stop - start, start)

    def size(self, name: str) -> Entry:
        """Return size and tag of a file."""
        with gate.opened(self._root, self._path(name)) as file:
            status = os.fstat(file.fileno())
        return Entry(name, status.st_size, _tag(status), status.st_mtime_ns)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield the files of a folder and those below it; half-written ones are none."""
        begin, _, start = prefix.rpartition("/")
        waiting = [begin]
        while waiting:
            inside = waiting.pop()
            for each in gate.names(self._root, inside):
                name = f"{inside}/{each}" if inside else each
                if (inside == begin and not each.startswith(start)) or each.endswith(durable.TMP_SUFFIX):
                    continue
                if (self._root / name).is_dir():
                    waiting.append(name)
                else:
                    yield self.size(name)

    def put_if_absent(self, name: str, *pieces: Bytes) -> str | None:
        """Write a file aside and link it under its name."""
        return self._put(name, pieces, durable.publish_file)

    def replace_if_match(self, name: str, tag: str | None, *pieces: Bytes) -> str | None:
        """Write a file aside and rename it over the one with this tag."""
        path = self._path(name)

        def replace(tmp: Path, final: Path) -> bool:
            with turns.turn(path.parent):
                is_meant = tag is None or self._has(name, tag)
                if is_meant:
                    tmp.replace(final)
                    durable.fsync_folder(final.parent)
            tmp.unlink(missing_ok=True)
            return is_meant

        return self._put(name, pieces, replace)

    def delete(self, name: str) -> None:
        """Remove a file."""
        with durable.storage_errors(self._path(name)):
            gate.remove(self._root, self._path(name))

    def _path(self, name: str) -> Path:
        return self._root / name

    def _has(self, name: str, tag: str) -> bool:
        try:
            return self.size(name).tag == tag
        except FileNotFoundError:
            return False

    def _put(self, name: str, pieces: tuple[Bytes, ...], publish: Publish) -> str | None:
        path = self._path(name)
        with durable.storage_errors(path):
            durable.make_folder(path.parent)
            tmp = durable.tmp_path(path)
            durable.write_durable(tmp, *pieces)
            tag = _tag(tmp.stat())
            return tag if publish(tmp, path) else None


def _tag(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
