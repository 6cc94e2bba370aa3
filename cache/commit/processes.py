"""The process that wrote a file, as names of temporary files and leases tell it: whether it is gone."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from cache.common import durable

STARTED = time.time()  # when this process began to use caches: an older file of its own id is not its own


def host_name() -> str:
    """This machine's name as it stands in the names of temporary files."""
    return durable.tmp_path(Path("x")).name.split(".")[1]


def is_gone(pid: int) -> bool:
    """Say whether no process of this machine has this id: none, or a zombie, or a number that is no id."""
    if pid < 1:  # kill means groups of processes by these
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has a number that large
        return True
    except OSError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Say whether a process has ended and only waits for its parent to take notice; where Linux tells."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b")")[2].split()[:1] in (
        [b"Z"],
        [b"X"],
    )  # its name in brackets may hold anything


def is_dead(host: str, pid: int, written: float) -> bool | None:
    """Say whether the process that wrote a file is gone; None for one of another machine.

    Args:
        host: its machine's name.
        pid: its id, which by now may be that of another process.
        written: when the file was written [seconds since 1970].
    """
    if host != host_name():
        return None
    return is_gone(pid) or (pid == os.getpid() and written < STARTED)


def temporary_prefix(kind: str) -> str:
    """Return how the names of this process's temporary folders begin, having removed those of killed ones.

    Args:
        kind: of the folders, for example ``emi-shard``.
    """
    begin = f"{kind}-{host_name()}."
    for folder in Path(tempfile.gettempdir()).glob(f"{begin}*"):
        pid = folder.name.removeprefix(begin).split(".")[0]
        if pid.isdecimal() and is_gone(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    return f"{begin}{os.getpid()}."
