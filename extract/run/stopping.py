"""How a run is stopped at any instant: signals and deadlines ask for it, the run decides when."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


class Stopped(Exception):
    """Raised where there is nothing to be finished when a stop is asked for."""


class StopRequest:
    """While entered, the first signal is noted; a second Ctrl-C does what it did before.

    Attributes:
        grace: seconds the work in progress may still take after the first signal.
    """

    def __init__(self, grace: float, max_minutes: float | None = None) -> None:
        self.grace = grace
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self._since: float | None = None
        self._previous: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a signal has come or the time is over."""
        if self._since is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self._since = self._deadline
        return self._since is not None

    def allows(self, seconds: float) -> bool:
        """Say whether work of about ``seconds`` may still be finished."""
        if not self.requested or self._since is None:
            return True
        return time.monotonic() - self._since + seconds <= self.grace

    def request(self) -> None:
        """Ask for a stop, as a signal does."""
        if self._since is None:
            self._since = time.monotonic()

    def check(self) -> None:
        """Raise ``Stopped`` once a stop is asked for."""
        if self.requested:
            raise Stopped

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # handlers can only be set there
            self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def listen_again(self) -> None:
        """Take the signals back from a library that has put its own handlers in the place of these."""
        for number in self._previous:
            signal.signal(number, self._note)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous.get(number)
        if self._since is not None and number == signal.SIGINT and callable(previous):
            previous(number, frame)
        self.request()
