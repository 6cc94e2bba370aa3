"""Files of a cache that are in its way, moved into a folder of their own below ``damaged/``: nothing is deleted."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from cache.common import durable, gate
from cache.common.storage.url_path import UrlPath
from cache.format.catalog import DAMAGED


def set_aside(folder: Path, *paths: Path) -> Path:
    """Move files of a cache out of its way, each call into a folder of its own; return that folder."""
    target = new_aside(folder)
    move_aside(target, *paths)
    return target


def new_aside(folder: Path) -> Path:
    """Make a folder for files of a cache that are in the way."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    with durable.storage_errors(folder / DAMAGED):
        target = gate.make_folder(folder, DAMAGED) / f"{stamp}-{uuid.uuid4().hex[:8]}"
        durable.make_folder(target)
    return target


def move_aside(target: Path, *paths: Path) -> None:
    """Move files of a cache, in this order, into a folder that ``new_aside`` made.

    Behind a URL each is copied first, and removed when all of it is there.
    """
    if isinstance(target, UrlPath):
        for path in paths:
            _copy_aside(target, path)
            durable.remove(path)
        return
    with durable.storage_errors(target):
        for path in paths:
            path.rename(target / path.name)
            durable.fsync_folder(path.parent)
        durable.fsync_folder(target)


def _copy_aside(target: UrlPath, path: Path) -> None:
    """Copy a file, or all below a folder, by the names that they have."""
    cache = target.parents[1]
    name = gate.name_of(cache, path)
    there = [entry.name for entry in cache.storage.list(f"{name}/")]
    for each in there or [name]:
        copy = gate.name_of(cache, target / path.name) + each.removeprefix(name)
        cache.storage.put_if_absent(copy, cache.storage.read(each).data)
