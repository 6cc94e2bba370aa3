"""The failures ledger: every clip that could not be cached, with a reason code; never zeros instead."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cache.common import durable
from cache.common.errors import DamagedCacheError
from cache.format import own_checksum
from cache.format.catalog import FAILURES
from cache.format.json_values import require_keys, text

KEYS = ("clip_id", "path", "stage", "reason", "message", "time")

REASONS = {
    "not_found": "the source names a clip that has no file",
    "unreadable": "no decoder can read the file",
    "no_audio_stream": "the file has no sound",
    "damaged": "the container promises more sound than it decodes to",
    "too_short": "fewer than 400 samples at 16 kHz, less than one frame",
    "bad_segment": "the segment lies outside the file",
    "non_finite": "NaN or infinity in the audio or the features",
    "overflow": "a feature does not fit float16",
    "out_of_memory": "the clip alone does not fit the device's memory",
}


@dataclass(frozen=True)
class Failure:
    """One clip that is not in the cache, and why.

    Attributes:
        clip_id: its id.
        path: file, relative to the source folder.
        stage: ``source``, ``decode``, ``encode`` or ``write``.
        reason: a code of ``REASONS``.
        message: what exactly was found.
        time: when, seconds since 1970.
    """

    clip_id: str
    path: str
    stage: str
    reason: str
    message: str
    time: float = field(default_factory=time.time, compare=False)


class FailureLedger:
    """Appends to a file of its own, so that several writers never share one."""

    def __init__(self, cache: Path) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._path = cache / FAILURES / name

    def add(self, failure: Failure) -> None:
        """Append one entry and hand it to the operating system at once."""
        line = own_checksum.to_bytes(asdict(failure))
        with durable.storage_errors(self._path), self._path.open("ab") as file:
            file.write(line)


def read_failures(cache: Path, committed: Collection[str]) -> list[Failure]:
    """Return the latest entry of every clip that has not been committed since, in the order of ids."""
    latest: dict[str, Failure] = {}
    for path in _ledgers(cache):
        for line in _lines(path):
            failure = _parse(line)
            if failure and failure.clip_id not in committed:
                known = latest.get(failure.clip_id)
                if known is None or failure.time >= known.time:
                    latest[failure.clip_id] = failure
    return [latest[clip_id] for clip_id in sorted(latest)]


def damaged_lines(cache: Path) -> dict[str, int]:
    """Return ledger → how many of its whole lines are no entry."""
    counts = {path.name: [_parse(line) for line in _lines(path)].count(None) for path in _ledgers(cache)}
    return {name: count for name, count in counts.items() if count}


def _ledgers(cache: Path) -> list[Path]:
    return sorted((cache / FAILURES).glob("*.jsonl"))


def _lines(path: Path) -> list[bytes]:
    """Return the whole lines of a ledger: one that a kill has cut short is no entry, its clip is listed again.

    Of the last one, the newline may be missing or damaged: its checksum says that it is whole.
    """
    try:
        *lines, last = durable.read_regular(path).split(b"\n")
    except OSError as error:
        raise DamagedCacheError(f"{path} cannot be read: {error.strerror}; remove it") from None
    return lines + [line for line in (last, last[:-1]) if own_checksum.matches(line + b"\n")]


def _parse(line: bytes) -> Failure | None:
    try:
        value, has_checksum = own_checksum.from_bytes(line + b"\n")
        require_keys(value, KEYS, exactly=not has_checksum)
        words = {key: text(value[key]) for key in KEYS if key != "time"}
        return Failure(**words, time=float(value["time"]))
    except (ValueError, TypeError, OverflowError):
        return None
