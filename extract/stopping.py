"""Lets a run of extract be stopped at any instant: signals ask, the run decides, nothing committed is lost."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


class StopRequest:
    """While entered, the first signal is noted; a second Ctrl-C does what it did before.

    Attributes:
        grace: seconds the work in progress may still take after the first signal.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self._since: float | None = None
        self._previous: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self._since is not None

    def allows(self, seconds: float) -> bool:
        """Say whether work of about ``seconds`` may still be finished."""
        if self._since is None:
            return True
        return time.monotonic() - self._since + seconds <= self.grace

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # handlers can only be set there
            self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous.get(number)
        if self._since is not None and number == signal.SIGINT and callable(previous):
            previous(number, frame)
        if self._since is None:
            self._since = time.monotonic()
