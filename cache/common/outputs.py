"""A file that a user names as output: it replaces no file that holds something else, unless that is asked for."""

from __future__ import annotations

from pathlib import Path

from cache.common.durable import replace_file, storage_errors, write_once
from cache.common.errors import StorageError


def write_output(path: Path, data: bytes, overwrite: bool) -> None:
    """Write ``data``, whole or not at all; a file that holds just that already is left as it is.

    Args:
        path: as the user named it; its folder is made.
        data: what it is to hold.
        overwrite: whether a file that holds something else may be replaced.

    Raises:
        StorageError: if it holds something else and may not be replaced, or cannot be written.
    """
    with storage_errors(path):
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
