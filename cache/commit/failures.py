"""The failures ledger: every clip that could not be cached, with a reason code; never zeros instead."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cache.common import durable, gate
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format import own_checksum
from cache.format.catalog import FAILURES
from cache.format.json_values import require_keys, text

KEYS = ("clip_id", "path", "stage", "reason", "message", "time")

MAX_BYTES = 1 << 28  # of one ledger: a million failed clips
MAX_LINE = 1 << 16  # bytes
LINES_BY_URL = 100  # of a list behind a URL, which is stored whole with each of them
MAX_ENTRIES = 500_000  # of all ledgers of a cache

REASONS = {
    "not_found": "the source names a clip that has no file",
    "bad_name": "the file's name cannot be a clip id: it is not UTF-8, or holds control characters",
    "unreadable": "no decoder can read the file",
    "no_audio_stream": "the file has no sound",
    "damaged": "the container promises more sound than it decodes to",
    "too_short": "fewer than 400 samples at 16 kHz, less than one frame",
    "bad_segment": "the segment lies outside the file",
    "no_sound": "the segment lies before the file's sound begins, or where it pauses",
    "no_frames": "imported features without a single frame",
    "wrong_shape": "imported features of another width or rank than those of the other clips",
    "duplicate": "several entries of imported features with one id: nothing says which counts",
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
        self._lines: list[bytes] = []  # behind a URL
        self._one_by_one = threading.Lock()
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._path = cache / FAILURES / name

    def add(self, failure: Failure) -> None:
        """Append one entry and hand it to the operating system at once."""
        # Escaped: what some readers take for the end of a line, and what no UTF-8 can say, as names of files do.
        line = own_checksum.to_bytes(asdict(failure))
        if isinstance(self._path, UrlPath):
            self._add_by_url(self._path, line)
            return
        with durable.storage_errors(self._path):
            path = gate.make_folder(self._path.parents[1], FAILURES) / self._path.name
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | gate.NOFOLLOW, 0o666)
            with open(handle, "ab") as file:
                file.write(line)

    def _add_by_url(self, path: UrlPath, line: bytes) -> None:
        """Store the list whole, since nothing is appended to behind a URL; after some entries begin another."""
        with self._one_by_one:
            number, rest = divmod(len(self._lines), LINES_BY_URL)
            self._lines.append(line)
            part = b"".join(self._lines[-rest - 1 :])
            path.parent.storage.replace_if_match(f"{path.stem}-{number}{path.suffix}", None, part)


def read_failures(cache: Path, committed: Collection[str]) -> list[Failure]:
    """Return the latest entry of every clip that has not been committed since, in the order of ids."""
    latest: dict[str, Failure] = {}
    for path in gate.own_files(cache, FAILURES, ".jsonl"):
        for line in _lines(cache, path):
            failure = _parse(line)
            if failure and failure.clip_id not in committed:
                known = latest.get(failure.clip_id)
                if known is None or failure.time >= known.time:
                    latest[failure.clip_id] = failure
            if len(latest) > MAX_ENTRIES:
                raise DamagedCacheError(
                    f"{cache / FAILURES}: more than {MAX_ENTRIES} failed clips; remove lists that are none of yours"
                )
    return [latest[clip_id] for clip_id in sorted(latest)]


def damaged_lines(cache: Path) -> dict[str, int]:
    """Return ledger → how many of its whole lines are no entry."""
    counts = {
        path.name: sum(_parse(line) is None for line in _lines(cache, path))
        for path in gate.own_files(cache, FAILURES, ".jsonl")
    }
    return {name: count for name, count in counts.items() if count}


def _lines(cache: Path, path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a ledger, one by one: they may be many.

    They end in a line feed and nothing else: a message may hold what Unicode takes for the end of a line. One that
    a kill has cut short is no entry: its clip is tried and listed again. Of the last one, the line feed may be
    missing or damaged: its checksum says that it is whole.
    """
    try:
        with gate.opened(cache, path, MAX_BYTES) as file:
            while line := file.readline(MAX_LINE):
                if line.endswith(b"\n") or len(line) == MAX_LINE:
                    yield line
                else:
                    ends = (text + b"\n" for text in (line, line[:-1]))
                    yield from (text for text in ends if own_checksum.matches(text))
    except OSError as error:
        raise DamagedCacheError(f"{path} cannot be read: {error.strerror}; remove it") from None


def _parse(line: bytes) -> Failure | None:
    try:
        value, has_checksum = own_checksum.from_bytes(line, surrogates=True)
        require_keys(value, KEYS, exactly=not has_checksum)
        words = {key: text(value[key]) for key in KEYS if key != "time"}
        return Failure(**words, time=float(value["time"])) if words["clip_id"] else None
    except (ValueError, TypeError, OverflowError):
        return None
