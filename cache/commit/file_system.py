"""Which file system a folder is on: whether what one process writes is seen at once by every other one."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "ramfs", "overlay"})


def is_local(folder: Path) -> bool:
    """Say whether a folder is on a disk of this machine; no where that cannot be told.

    Clients of network file systems remember sizes and lists of files for seconds.
    """
    try:
        mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return False
    path = os.path.realpath(folder)
    kinds = {_unescaped(place): kind for _, place, kind, *_ in mounts}  # of two on one place the later counts
    above = [place for place in kinds if path == place or path.startswith(place.rstrip("/") + "/")]
    return bool(above) and kinds[max(above, key=len)] in LOCAL


def _unescaped(place: str) -> str:
    """Mount points stand there with spaces as ``\\040``."""
    return place.encode().decode("unicode_escape") if "\\" in place else place
