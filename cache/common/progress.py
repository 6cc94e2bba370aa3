"""Progress of long work: the one way to report it, and the line on the terminal that shows it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

from cache.common.console import escaped, in_one_line, terminal_of

TTY_INTERVAL = 0.2  # seconds between two updates of a live line
SIMPLE_TERMINALS = ("dumb", "linux")  # with few signs beyond ASCII
LOG_INTERVAL = 10.0  # seconds between two lines in a log file

OnProgress = Callable[[int, int], None]  # called with what is done, and what there is to do in all
OnPhase = Callable[[str], OnProgress]  # called with the name of a phase as it begins


def silent(_done: int, _total: int) -> None:
    """Show nothing of the progress."""


def silent_phase(_name: str) -> OnProgress:
    """Show nothing of a phase's progress."""
    return silent


def show_progress(what: str) -> OnProgress:
    """Return what shows ``what [####----] 3/6`` on stderr."""
    shown = Progress(sys.stderr)

    def show(done: int, total: int) -> None:
        shown.update(lambda: f"{what} {bar(done, total)} {done}/{total}")
        if done == total:
            shown.close()

    return show


def bar(done: float, total: float, width: int = 20) -> str:
    """Return a text bar, ``[####----]``, for ``done`` of ``total``."""
    share = min(1.0, done / total) if total else 1.0
    filled = round(share * width)
    return "[" + "#" * filled + "-" * (width - filled) + "]"


class Progress:
    """One live line on a terminal, one line every ten seconds in a log."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = terminal_of(stream or sys.stderr)
        self._now = now
        self._live = self._stream.isatty()
        self._last = now() if not self._live else float("-inf")
        self._shown = 0

    @property
    def is_live(self) -> bool:
        """Whether somebody looks at a terminal."""
        return self._live

    @property
    def columns(self) -> int:
        """Width of the terminal; 80 where it does not say."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def shows(self, signs: str) -> bool:
        """Whether the terminal has these signs: not a simple one, nor one of another encoding."""
        if os.environ.get("TERM") in SIMPLE_TERMINALS:
            return False
        try:
            signs.encode(self._stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def update(self, text: Callable[[], str]) -> None:
        """Show ``text()`` if the last line is old enough; ``text`` is only called then."""
        interval = TTY_INTERVAL if self._live else LOG_INTERVAL
        if self._now() - self._last >= interval:
            self._write(text())
            self._last = self._now()

    def live(self, text: Callable[[], str]) -> None:
        """Show ``text()`` on a terminal only: what a log need not keep."""
        if self._live:
            self.update(text)

    def line(self, text: str) -> None:
        """Show ``text`` on a line of its own, whatever the time."""
        self.close()
        self._stream.write(escaped(text) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the live line, so that what follows starts on a line of its own."""
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()
            self._shown = 0

    def _write(self, text: str) -> None:
        text = in_one_line(text)
        if self._live:
            self._stream.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
