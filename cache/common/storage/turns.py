"""Turns: processes and threads that do something short in one place do it one after the other, as a courtesy."""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cache.common.foreign_json import parse_json
from cache.common.storage.protocol import RemoteError
from cache.common.storage.url_path import UrlPath

TURN_SECONDS = 5.0  # a turn takes some hundredths
MOMENT = 0.05  # seconds
REMOTE_SECONDS = 30.0  # a turn behind a URL takes some requests
SUFFIX = ".turn"
MAX_BYTES = 4096  # of an object that says whose turn it is


@contextmanager
def turn(folder: Path, seconds: float = TURN_SECONDS) -> Iterator[None]:
    """Take turns with other processes and threads at something short in a folder.

    A courtesy, which saves work: nothing may depend on it. Where the file system has no locks, or whoever has
    the turn does not give it back within ``seconds``, it is taken all the same. Whoever did not give it back, a
    process that was stopped for example, is waited for a moment only from then on, until the turn is seen free.
    """
    if isinstance(folder, UrlPath):
        with _remote_turn(folder):
            yield
        return
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


@contextmanager
def _remote_turn(folder: UrlPath) -> Iterator[None]:
    """Take a turn behind a URL: an object says whose it is and until when, and is replaced by its tag only."""
    storage, name, owner = folder.parent.storage, f"leases/{folder.name}{SUFFIX}", uuid.uuid4().hex
    end, tag = time.monotonic() + REMOTE_SECONDS, None
    while tag is None and time.monotonic() < end:
        now = time.time()
        mine = json.dumps({"owner": owner, "until": now + REMOTE_SECONDS}).encode()
        try:
            data, seen = storage.read(name, MAX_BYTES)
        except FileNotFoundError:
            tag = storage.put_if_absent(name, mine)
        else:
            if not now < _until(data) < now + 2 * REMOTE_SECONDS:
                tag = storage.replace_if_match(name, seen, mine)
        if tag is None:
            time.sleep(MOMENT * random.uniform(0.5, 1.5))  # noqa: S311 - so that not all ask at once
    try:
        yield
    finally:
        if tag is not None:
            with suppress(RemoteError):  # it ends by itself
                storage.replace_if_match(name, tag, json.dumps({"owner": owner, "until": 0}).encode())


def _until(data: bytes) -> float:
    try:
        return float(parse_json(data)["until"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 0.0
