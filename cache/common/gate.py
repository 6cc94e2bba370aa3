"""The gate to a cache: every path below its root, taken without following links, and files of bounded size only.

A cache may come from anybody. Its root is what the user named, and may itself be a link; below it, nothing that is
read, written or removed lies elsewhere. Names that stand inside a file are checked against an allow-list first.
Behind a URL there are no links: there a path is the name of an object below the root.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from cache.common.errors import DamagedCacheError
from cache.common.storage.protocol import TooLargeError
from cache.common.storage.url_path import UrlPath

MAX_BYTES = 1 << 26  # of a file that is read whole
BEGIN = 4096  # bytes of a text that are looked at before the rest is read
SHELL_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO waits for nobody
PART = r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,99}"
ARRAY_NAME = re.compile(rf"{PART}(?:/{PART}){{0,9}}")
FILE_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,254}")


def is_array_name(text: str) -> bool:
    """Say whether text may name an array or a frame field: parts of ASCII letters, digits and ``_.-``, by ``/``."""
    return ARRAY_NAME.fullmatch(text) is not None


def require_array_name(text: str) -> str:
    """Return the name of an array or a frame field; raises ValueError for one that might lead elsewhere."""
    if not is_array_name(text):
        raise ValueError(
            f"{text[:100]!r} is no name of a field: expected parts of letters, digits, '_', '.' and '-' that begin "
            "with none of the last two, between slashes"
        )
    return text


def folder(root: Path, name: str) -> Path:
    """Return a cache's folder, which may be missing.

    Raises:
        DamagedCacheError: a link, or anything else, stands in its place.
    """
    path = root / name
    if isinstance(path, UrlPath):
        return path
    with suppress(FileNotFoundError):
        _require(stat.S_ISDIR(path.lstat().st_mode), path, "a folder")
    return path


def make_folder(root: Path, name: str) -> Path:
    """Return a cache's folder, made if it is missing; raises DamagedCacheError, OSError."""
    path = folder(root, name)
    if isinstance(path, UrlPath):  # which has no folders
        return path
    path.mkdir(exist_ok=True)
    return folder(root, name)


def names(root: Path, name: str, suffix: str = "") -> list[str]:
    """Return the names of what lies in a cache's folder, sorted; none where there is no such folder.

    Raises:
        DamagedCacheError: a link, or anything else, stands in its place.
        OSError: it cannot be listed.
    """
    if isinstance(root, UrlPath):
        return [entry for entry in root.storage.names(name) if entry.endswith(suffix)]
    try:
        with _entered(root, Path(name).parts) as handle:
            return sorted(entry for entry in os.listdir(handle) if entry.endswith(suffix))
    except FileNotFoundError:
        return []


def stats(root: Path, name: str, suffix: str = "") -> dict[str, os.stat_result]:
    """Return what the system says of each file in a cache's folder, by name; nothing where there is no such folder.

    Raises:
        DamagedCacheError: a link, or anything else, stands in the folder's place.
        OSError: it cannot be listed.
    """
    try:
        with _entered(root, Path(name).parts) as handle, os.scandir(handle) as entries:
            return {
                entry.name: entry.stat(follow_symlinks=False)
                for entry in entries
                if entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False)
            }
    except FileNotFoundError:
        return {}


def own_files(root: Path, name: str, suffix: str) -> list[Path]:
    """Return the paths of the files in a cache's folder that are called as this project calls them."""
    return [root / name / each for each in names(root, name, suffix) if FILE_NAME.fullmatch(each)]


def remove(root: Path, path: Path) -> None:
    """Remove a file of a cache, or the link in its place; it may be gone already. Raises OSError."""
    if isinstance(root, UrlPath):
        root.storage.delete(name_of(root, path))
        return
    with suppress(FileNotFoundError), _entered(root, _parts(root, path)[:-1]) as handle:
        os.unlink(path.name, dir_fd=handle)


def open_file(root: Path, path: Path, limit: int | None = None) -> int:
    """Return a handle to a regular file below the root.

    Args:
        root: of the cache.
        path: below it.
        limit: bytes it may have; None for any number.

    Raises:
        DamagedCacheError: it is a link, lies behind one, is no file, or too large.
        OSError: it cannot be opened.
    """
    *above, name = _parts(root, path)
    inside = _enter(root, above)
    try:
        before = os.stat(name, dir_fd=inside, follow_symlinks=False)
        _require(stat.S_ISREG(before.st_mode), path, "a file")  # a device is not even opened
        handle = os.open(name, FILE | NOFOLLOW, dir_fd=inside)
    finally:
        os.close(inside)
    try:
        status = os.fstat(handle)
        _require(stat.S_ISREG(status.st_mode), path, "a file")
        if limit is not None and status.st_size > limit:
            raise DamagedCacheError(f"{path}: {status.st_size} bytes, expected at most {limit}; remove it")
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def opened(root: Path, path: Path, limit: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file below the root for reading; see :func:`open_file`. One behind a URL is read whole."""
    if isinstance(root, UrlPath):
        yield BytesIO(read(root, path, limit))
        return
    with open(open_file(root, path, limit), "rb") as file:
        yield file


def read(root: Path, path: Path, limit: int | None = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file below the root; see :func:`open_file`."""
    if isinstance(root, UrlPath):
        try:
            return root.storage.read(name_of(root, path), limit).data
        except TooLargeError as error:
            raise DamagedCacheError(str(error)) from None
    with opened(root, path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)  # no more, should it grow meanwhile


def read_named(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a text that the user named, links followed; a pipe of the shell (``<(…)``) is read too.

    Raises:
        OSError: it cannot be read, is a device or a pipe that waits for somebody, has more than ``limit`` bytes, or
            begins as no text does: a file may be gigabytes of zeros that no disk holds.
    """
    status = os.stat(path)
    mode = status.st_mode
    if not stat.S_ISREG(mode) and not (stat.S_ISFIFO(mode) and str(path).startswith(SHELL_PIPES)):
        raise OSError(errno.EINVAL, f"found {_kind(mode)}, expected a file", str(path))
    too_large = OSError(errno.EFBIG, f"more than {limit >> 20} MB", str(path))
    if status.st_size > limit:
        raise too_large
    with path.open("rb") as file:
        begin = file.read(BEGIN)
        if begin == bytes(BEGIN):
            raise OSError(errno.EINVAL, f"begins with {BEGIN} zero bytes, expected text", str(path))
        rest = file.read(limit + 1 - len(begin))
    if len(begin) + len(rest) > limit:
        raise too_large
    return begin + rest


def _kind(mode: int) -> str:
    kinds = {"a folder": stat.S_ISDIR, "a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK}
    return next((name for name, holds in kinds.items() if holds(mode)), "a device")


def name_of(root: Path, path: Path) -> str:
    """Return the name that a path has below a root; raises DamagedCacheError for one that leads out of it."""
    return "/".join(_parts(root, path))


def _parts(root: Path, path: Path) -> list[str]:
    begin, text = f"{root}/", str(path)  # of thousands of records: pathlib takes as long as the system
    parts = text[len(begin) :].split("/") if text.startswith(begin) else list(path.relative_to(root).parts)
    if ".." in parts or not parts:
        raise DamagedCacheError(f"{path}: leads out of the cache")
    return parts


def _enter(root: Path, parts: Sequence[str]) -> int:
    """Return a handle to a folder below the root, entered part by part."""
    handle = os.open(root, FOLDER)
    for number, part in enumerate(parts, 1):
        try:
            inside = os.open(part, FOLDER | NOFOLLOW, dir_fd=handle)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                _require(False, root.joinpath(*parts[:number]), "a folder")
            raise
        finally:
            os.close(handle)
        handle = inside
    return handle


@contextmanager
def _entered(root: Path, parts: Sequence[str]) -> Iterator[int]:
    handle = _enter(root, parts)
    try:
        yield handle
    finally:
        os.close(handle)


def _require(holds: bool, path: Path, expected: str) -> None:
    if not holds:
        found = "a link" if path.is_symlink() else f"not {expected}"
        raise DamagedCacheError(
            f"{path}: {found}; a cache holds its own files and folders, no links; remove it"
        )
