"""What every command line of the project shares: exit codes, one-line errors and a progress line."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from cache.common.errors import EmiError, is_out_of_memory

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_LISTED = 3  # finished, and something is listed: failed clips, damage, differences
EXIT_STOPPED = 75  # stopped early; run the same command again to continue (EX_TEMPFAIL)

TTY_INTERVAL = 0.2  # seconds between two updates of a live line
LOG_INTERVAL = 10.0  # seconds between two lines in a log file


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the project's errors, and the operating system's, into one line on stderr and exit code 1."""
    try:
        yield
    except EmiError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(EXIT_ERROR) from None
    except BrokenPipeError:
        raise SystemExit(EXIT_ERROR) from None
    except (MemoryError, RuntimeError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200] or "no reason given"
        way_out = (
            "give the process more, or less to do at once (--batch-size, --batch-seconds, a compact cache)"
        )
        print(f"error: out of memory ({reason}); {way_out}", file=sys.stderr)  # noqa: T201
        raise SystemExit(EXIT_ERROR) from None
    except OSError as error:
        if error.errno is None or error.filename is None:
            raise
        reason = f"{error.filename}: {os.strerror(error.errno)}"
        print(f"error: {reason}; check the path, its permissions and the disk", file=sys.stderr)  # noqa: T201
        raise SystemExit(EXIT_ERROR) from None


def run_command_line(app: Callable[[], object]) -> None:
    """Run a command line with the project's errors, and exit code 75 for Ctrl-C and SIGTERM.

    Click would turn Ctrl-C into exit code 1, and Python would die of SIGTERM without a word.
    """
    # OpenMP threads that wait by spinning cost a factor of 30 as soon as anything else runs on the
    # same cores; torch reads this when it is loaded, which no command line does before here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with one_line_errors():
            app()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> None:
    print("\nstopped; run the same command again to continue", file=sys.stderr)  # noqa: T201
    raise SystemExit(EXIT_STOPPED)


def print_json(value: Any) -> None:
    """Write ``value`` as one JSON document to stdout; undefined numbers (NaN) become null."""
    print(json.dumps(json_ready(value), indent=2, ensure_ascii=False))  # noqa: T201


def json_ready(value: Any) -> Any:
    """Return ``value`` with NaN as None and numpy scalars as Python numbers, ready for strict JSON."""
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if hasattr(value, "tolist"):
        return json_ready(value.tolist())
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - the definition of NaN
        return None
    return value


def bar(done: float, total: float, width: int = 20) -> str:
    """Return a text bar, ``[####----]``, for ``done`` of ``total``."""
    share = min(1.0, done / total) if total else 1.0
    filled = round(share * width)
    return "[" + "#" * filled + "-" * (width - filled) + "]"


def counted(number: int, noun: str) -> str:
    """Return ``1 clip``, but ``24 clips``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(num_bytes: float) -> str:
    """Return ``num_bytes`` as ``1.234 GB``, or ``5.6 MB`` where that says more."""
    return f"{num_bytes / 1e9:.3f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.2f} MB"


def clock(seconds: float) -> str:
    """Return ``seconds`` as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """One live line on a terminal, one line every ten seconds in a log."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._now = now
        self._live = self._stream.isatty()
        self._last = now() if not self._live else float("-inf")
        self._shown = 0

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
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the live line, so that what follows starts on a line of its own."""
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()
            self._shown = 0

    def _write(self, text: str) -> None:
        if self._live:
            self._stream.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
