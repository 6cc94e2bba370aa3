"""Tells how far extract is and what it waits for: clips, × real time, time left, and the phase that bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from cache.console import Progress, bar, clock
from cache.record import CommitRecord

PHASES = ("wait_decode", "encode", "wait_write")


class RunMeter:
    """Counts what the run does and shows it.

    Attributes:
        phases: seconds the main loop spent in each phase.
        clip_ids: committed by this run.
        seconds_of_sound: encoded by this run [s].
    """

    def __init__(self, progress: Progress) -> None:
        self.phases = dict.fromkeys(PHASES, 0.0)
        self.clip_ids: set[str] = set()
        self.seconds_of_sound = 0.0
        self._progress = progress
        self._started = self._first = time.monotonic()
        self._done = 0
        self._total = 0

    def __enter__(self) -> RunMeter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()

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
        self._done += clips
        self.seconds_of_sound += seconds_of_sound
        self._progress.update(self._line)

    def committed(self, record: CommitRecord) -> None:
        """Count a committed shard."""
        self.clip_ids.update(record.clip_ids)

    def _line(self) -> str:
        elapsed = max(1e-6, time.monotonic() - self._first)
        left = elapsed / max(1, self._done) * (self._total - self._done)
        bound = max(PHASES, key=lambda name: self.phases[name]).removeprefix("wait_")
        return (
            f"extract {bar(self._done, self._total)} {self._done}/{self._total} clips  "
            f"{self._done / elapsed:.1f} clips/s  {self.seconds_of_sound / elapsed:.0f} × real time  "
            f"ETA {clock(left)}  bound: {bound}"
        )
