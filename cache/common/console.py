"""What every command line of the project shares: exit codes, one-line errors, JSON for machines."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cache.common.errors import EmiError, is_out_of_memory

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_LISTED = 3  # finished, and something is listed: failed clips, damage, differences
EXIT_STOPPED = 75  # stopped early; run the same command again to continue (EX_TEMPFAIL)


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
