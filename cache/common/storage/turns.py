"""Turns: processes and threads that do something short in one place do it one after the other, as a courtesy."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TURN_SECONDS = 5.0  # a turn takes some hundredths
MOMENT = 0.05  # seconds


@contextmanager
def turn(folder: Path, seconds: float = TURN_SECONDS) -> Iterator[None]:
    """Take turns with other processes and threads at something short in a folder.

    A courtesy, which saves work: nothing may depend on it. Where the file system has no locks, or whoever has
    the turn does not give it back within ``seconds``, it is taken all the same. Whoever did not give it back, a
    process that was stopped for example, is waited for a moment only from then on, until the turn is seen free.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        wait = min(seconds, MOMENT) if str(folder) in _stuck else seconds
        if _has_turn(handle, wait):
            _stuck.discard(str(folder))
        else:
            _stuck.add(str(folder))
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing would not do: a fork meanwhile has it open too
        os.close(handle)


def _has_turn(handle: int, seconds: float) -> bool:
    """Wait for the turn; say whether it came, or there is none to wait for."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
        except OSError:
            return True
        else:
            return True


_stuck: set[str] = set()  # folders in which somebody did not give the turn back
