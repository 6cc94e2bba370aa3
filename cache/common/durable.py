"""Files that are whole or absent: write aside, fsync, publish without overwriting, fsync the folder."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cache.common import gate
from cache.common.errors import DamagedCacheError, StorageError
from cache.common.storage.url_path import UrlPath, is_url

if TYPE_CHECKING:
    from concurrent.futures import Future

TMP_SUFFIX = ".tmp"
FSYNCS_AT_ONCE = 8
BEGIN_BYTES = 1 << 23  # whole pages: one that is on its way to the disk cannot be written to
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
WAY_OUT = {
    errno.ENOSPC: "the disk is full: make space and run again, what is finished is intact",
    errno.EDQUOT: "the disk quota is used up: make space and run again, what is finished is intact",
    errno.EFBIG: "a file-size limit was hit (ulimit -f, or the file system's): raise it and run again",
    errno.EROFS: "the file system is read-only: choose a folder that can be written",
    errno.EACCES: "no permission: choose another folder, or ask for the right to write here",
    errno.EPERM: "not permitted: choose another folder, or ask for the right to write here",
    errno.ENOTDIR: "a part of this path is a file: choose another folder",
    errno.EEXIST: "a file of that name is in the way: choose another folder",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing ``path`` into one line that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        hint = WAY_OUT.get(error.errno or 0, "check the disk and run again")
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(f"cannot write {path}: {reason}; {hint}") from error


def tmp_path(final: Path) -> Path:
    """Return a name beside ``final`` that no other writer uses; it tells host and process."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:40]
    return final.with_name(f"{final.name}.{host}.{os.getpid()}.{uuid.uuid4().hex[:8]}{TMP_SUFFIX}")


def write_durable(path: Path, *pieces: bytes | memoryview) -> None:
    """Write ``pieces`` one after the other to ``path`` and force them to the disk; whole or nothing.

    The disk begins while the rest is still being copied to it: a fifth less time for a shard of 64 MB.
    """
    try:
        with path.open("wb", buffering=0) as file:
            position = 0
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    count = file.write(view[: BEGIN_BYTES - position % BEGIN_BYTES])
                    view, position = view[count:], position + count
                    if position % BEGIN_BYTES == 0:
                        _begin_writing(file.fileno(), position - BEGIN_BYTES)
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _begin_writing(handle: int, start: int) -> None:
    """Have the system write a block to the disk now, without waiting for it; errors come with fsync.

    Linux does so for pages that are said to be of no more use, and keeps them meanwhile.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):  # not every file system takes hints
            os.posix_fadvise(handle, start, BEGIN_BYTES, os.POSIX_FADV_DONTNEED)


def read_regular(path: Path, limit: int = gate.MAX_BYTES) -> bytes:
    """Read a file of at most ``limit`` bytes that is neither a link nor a device; raises OSError."""
    try:
        return gate.read(path.parent, path, limit)
    except DamagedCacheError:
        raise OSError(errno.EINVAL, "not a regular file, or a huge one", str(path)) from None


def fsync_folder(folder: Path) -> None:
    """Force a folder's entries (or a file's bytes) to the disk, so that they survive a power cut."""
    if isinstance(folder, UrlPath):
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def local_only(path: Path) -> Path:
    """Return the path of what can only lie on a disk; a URL would else become a folder called ``s3:``.

    Raises:
        StorageError: it was a URL.
    """
    if is_url(path):
        url = str(path).replace(":/", "://", 1) if "://" not in str(path) else path
        raise StorageError(f"{url}: a file or folder of this machine is needed here, found a URL")
    return path


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, each on the disk in the one above it.

    Raises:
        OSError: it cannot be made.
        StorageError: a URL, of a command that knows nothing of them.
    """
    if isinstance(path, UrlPath):  # which has no folders
        return
    local_only(path)
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise
        else:
            fsync_folder(folder.parent)


class FsyncPool:
    """Forces files and folders to the disk, several at a time and while others are written.

    Leaving the context waits for all of them, and raises the first error.
    """

    def __enter__(self) -> FsyncPool:
        from concurrent.futures import ThreadPoolExecutor  # no command but those that write needs it

        self._pool = ThreadPoolExecutor(FSYNCS_AT_ONCE)
        self._running: list[Future[None]] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for future in self._running:
            future.result()

    def fsync(self, path: Path) -> None:
        """Begin with a file or folder."""
        self._running.append(self._pool.submit(fsync_folder, path))


def remove(path: Path) -> None:
    """Remove a file or folder of ours; whoever is about to publish it finds it gone at once, not half gone."""
    if isinstance(path, UrlPath):
        path.storage.delete_all()
        return
    aside = tmp_path(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


def publish_file(tmp: Path, final: Path) -> bool:
    """Give ``tmp`` its final name unless that name is taken; ``tmp`` is gone afterwards.

    Returns:
        True when ``final`` is now what ``tmp`` was, False when it had existed already.

    A hard link fails when the name is taken, also between two machines. Where the file system has no
    links, the name is looked at before the rename: of two writers within the same instant the later one wins.
    """
    try:
        os.link(tmp, final)
    except FileExistsError:
        tmp.unlink()
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if final.exists():
            tmp.unlink()
            return False
        tmp.rename(final)
    else:
        tmp.unlink()
    fsync_folder(final.parent)
    return True


def write_once(final: Path, data: bytes) -> bool:
    """Write ``data`` under ``final`` atomically unless it exists; return whether it was written."""
    if isinstance(final, UrlPath):
        return final.parent.storage.put_if_absent(final.name, data) is not None
    with storage_errors(final):
        tmp = tmp_path(final)
        write_durable(tmp, data)
        return publish_file(tmp, final)


def replace_file(final: Path, data: bytes) -> None:
    """Write ``data`` under ``final`` atomically, replacing what was there (never used for shards)."""
    if isinstance(final, UrlPath):
        final.parent.storage.replace_if_match(final.name, None, data)
        return
    with storage_errors(final):
        tmp = tmp_path(final)
        write_durable(tmp, data)
        tmp.replace(final)
        fsync_folder(final.parent)


def check_writable(path: Path) -> None:
    """Raise StorageError unless a file can be made in ``path`` (or where it will be made)."""
    if isinstance(path, UrlPath):
        name = tmp_path(Path("probe")).name
        path.storage.put_if_absent(name, b"")
        path.storage.delete(name)
        return
    existing = local_only(path)
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise StorageError(f"{path}: {existing} is a file; choose another folder")
    probe = tmp_path(existing / "probe")
    with storage_errors(path):
        write_durable(probe, b"")
        probe.unlink()


def write_output(path: Path, data: bytes, overwrite: bool) -> None:
    """Write a file that a user named; one that holds something else stays, unless ``overwrite`` is asked for.

    Raises:
        StorageError: if it holds something else and may not be replaced, or cannot be written.
    """
    with storage_errors(local_only(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    if overwrite and (path.is_file() or not path.exists()):
        replace_file(path, data)
    elif path.exists() or path.is_symlink() or not write_once(path, data):
        raise StorageError(refusal(path))


def refusal(path: Path) -> str:
    """Return the message for an output that is there already."""
    if path.is_dir():
        return f"{path}: is a folder; give the name of a file"
    return f"{path}: exists and holds something else; give another name, or replace it with --overwrite"
