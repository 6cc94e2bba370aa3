"""What a run counts and shows: clips, × real time, time left, and which phase it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from cache.commit.failures import Failure
from cache.common.console import in_one_line
from cache.common.durable import local_only, storage_errors
from cache.common.progress import Progress, bar
from cache.common.words import clock, counted

PHASES = ("wait_decode", "encode", "wait_write")
LOG_SECONDS = 60.0  # between two lines of progress in a log file


Send = Callable[[tuple[Any, ...]], None]
"""Takes what the meter of a worker counts to the process that started it."""


class CommittedShard(Protocol):
    """What the meter counts of a committed shard: its name, clips and size."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def clip_ids(self) -> Collection[str]: ...  # noqa: D102
    @property
    def num_bytes(self) -> int: ...  # noqa: D102


class RunMeter:
    """Counts what the run does, shows it, and writes it to a log file; threads may share it.

    Attributes:
        phases: seconds the main loop spent in each phase.
        clip_ids: committed by this run.
        seconds_of_sound: encoded by this run [s].
        notes: what else to know of the run once it is over.
    """

    def __init__(
        self,
        progress: Progress,
        log_file: Path | None = None,
        send: Send | None = None,
        verb: str = "extract",
    ) -> None:
        self._verb = verb
        self.phases = dict.fromkeys(PHASES, 0.0)
        self.clip_ids: set[str] = set()
        self.seconds_of_sound = 0.0
        self.notes: list[str] = []
        self._progress = progress
        self._log_file = log_file
        self._send = send
        self._lock = threading.RLock()
        self._started = self._first = self._logged = time.monotonic()
        self._done = 0
        self._total = 0

    def __enter__(self) -> RunMeter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()
        if error is not None:
            self.log(f"ended by {type(error).__name__}: {error}")

    def log(self, text: str) -> None:
        """Append a line with the time to the log file, if there is one; a worker's goes to that of its run."""
        if self._send:
            self._send(("log", text))
        if self._log_file is None:
            return
        with self._lock, storage_errors(local_only(self._log_file)):
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            with self._log_file.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {in_one_line(text)}\n")

    def note(self, text: str) -> None:
        """Keep a line for the summary, and log it."""
        self.notes.append(text)
        self.log(text)

    def planning(self, done: int, total: int) -> None:
        """Show that headers are being read."""
        self._progress.update(lambda: f"reading headers {bar(done, total)} {done}/{total}")

    def start(self, clips: int) -> None:
        """Say how many clips are to be done."""
        self._total = clips
        self._first = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall clock since the run began [s]."""
        return time.monotonic() - self._started

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time spent inside as that of a phase."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] += time.monotonic() - begin

    def add(self, clips: int, seconds_of_sound: float) -> None:
        """Count clips that are through, with their seconds of sound."""
        if self._send:
            self._send(("add", clips, seconds_of_sound))
        with self._lock:
            self._done += clips
            self.seconds_of_sound += seconds_of_sound
            self._progress.update(self._line)
            if time.monotonic() - self._logged >= LOG_SECONDS:
                self._logged = time.monotonic()
                self.log(self._line())

    def committed(self, record: CommittedShard) -> None:
        """Count a committed shard."""
        self.log(
            f"committed {record.name}: {counted(len(record.clip_ids), 'clip')}, {record.num_bytes} bytes"
        )
        self._commit(record.clip_ids)

    def failed(self, failure: Failure) -> None:
        """Log a clip that could not be cached."""
        self.log(f"failed {failure.clip_id}: {failure.reason}: {failure.message}")

    def _commit(self, clip_ids: Collection[str]) -> None:
        if self._send:
            self._send(("committed", tuple(clip_ids)))
        with self._lock:
            self.clip_ids.update(clip_ids)

    def receive(self, kind: str, *values: Any) -> None:
        """Count what a worker's meter sent."""
        if kind == "add":
            self.add(*values)
        elif kind == "committed":
            self._commit(*values)
        elif kind == "log":
            self.log(*values)
        elif kind == "phases":
            for name, seconds in values[0].items():
                self.phases[name] += seconds

    def _line(self) -> str:
        elapsed = max(1e-6, time.monotonic() - self._first)
        left = elapsed / max(1, self._done) * (self._total - self._done)
        bound = max(PHASES, key=lambda name: self.phases[name]).removeprefix("wait_")
        return (
            f"{self._verb} {bar(self._done, self._total)} {self._done}/{self._total} clips  "
            f"{self._done / elapsed:.1f} clips/s  {self.seconds_of_sound / elapsed:.0f} × real time  "
            f"ETA {clock(left)}  bound: {bound}"
        )
