"""What every command line of the project shares: exit codes, one-line errors, JSON for machines."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO, cast

from cache.common.errors import EmiError, is_out_of_memory, reason_of

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_LISTED = 3  # finished, and something is listed: failed clips, damage, differences
EXIT_STOPPED = 75  # stopped early; run the same command again to continue (EX_TEMPFAIL)

# Control characters but tab and line feed; what turns the direction of writing round; what ends a line or cannot
# be seen; halves of surrogate pairs, which stand for bytes of a file name that are no UTF-8.
CONTROLS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
UNSAFE = re.compile(f"[{CONTROLS}]")
NOT_ASCII = re.compile(r"[^\x00-\x7f]")
UNSAFE_IN_LINE = re.compile(f"[{CONTROLS}\t\n]")


def escaped(text: str) -> str:
    """Return text without anything that a terminal would obey: ``\\u001b`` stands for the escape character.

    The escapes are those of JSON, so that a JSON document stays one, of the same value. Lines stay lines.
    """
    return UNSAFE.sub(_escape, text)


def in_one_line(value: object) -> str:
    """Return what somebody else wrote as text that neither a terminal obeys nor that looks like lines of ours."""
    return UNSAFE_IN_LINE.sub(_escape, str(value))


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1].replace("\x7f", "\\u007f")


class EscapedStream(io.TextIOBase):
    """A text stream that escapes what is written to it; ``raw`` is the stream behind it.

    Everything that the commands print passes here: their own lines, errors, usage messages of typer, warnings of
    libraries. Passwords in URLs that somebody typed are left out. It says that it is no terminal, so that nobody
    colours text with sequences that would be escaped.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As of the stream behind it."""
        return self.raw.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """As of the stream behind it."""
        return self.raw.errors

    def writable(self) -> bool:
        """It is for writing only."""
        return True

    def write(self, text: str) -> int:
        """Write text, escaped; also what the stream's encoding does not have."""
        from cache.common.storage.secrets import (
            without_passwords,  # its package loads what a start can do without
        )

        shown = escaped(without_passwords(text))
        try:
            self.raw.write(shown)
        except UnicodeEncodeError:  # from the encoding, before anything was written
            self.raw.write(NOT_ASCII.sub(_escape, shown))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand everything to the system."""
        self.raw.flush()

    def fileno(self) -> int:
        """As of the stream behind it."""
        return self.raw.fileno()


@contextmanager
def escaped_output() -> Iterator[None]:
    """Have everything that is printed escaped."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, EscapedStream(stream)) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def terminal_of(stream: TextIO) -> TextIO:
    """Return the stream to which a program may write what a terminal obeys, a live line for example."""
    return stream.raw if isinstance(stream, EscapedStream) else stream


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
        way_out = (
            "give the process more, or less to do at once (--batch-size, --batch-seconds, a compact cache)"
        )
        print(f"error: out of memory ({reason_of(error)}); {way_out}", file=sys.stderr)  # noqa: T201
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
    os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # colours would be escaped, FORCE_COLOR or not
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with escaped_output(), one_line_errors():
            _run(app)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(app: Callable[[], object]) -> None:
    """Run it; a fault that nobody foresaw is shown whole, but escaped as everything else is."""
    try:
        app()
    except (EmiError, OSError, MemoryError, ImportError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        traceback.print_exc()
        raise SystemExit(EXIT_ERROR) from None


def _stop(_number: int, _frame: FrameType | None) -> None:
    print("\nstopped; run the same command again to continue", file=sys.stderr)  # noqa: T201
    raise SystemExit(EXIT_STOPPED)


def print_json(value: Any) -> None:
    """Write ``value`` as one JSON document to stdout; undefined numbers (NaN) become null."""
    print(escaped(json.dumps(json_ready(value), indent=2, ensure_ascii=False)))  # noqa: T201


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
