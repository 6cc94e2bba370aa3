"""Times in tables: seconds, or the text that pandas and audformat write for a length of time."""

from __future__ import annotations

import re

CLOCK = re.compile(
    r"(?:(?P<days>[+-]?\d+) days?,? ?)?"
    r"(?P<sign>[+-]?)(?P<hours>\d+):(?P<minutes>[0-5]?\d):(?P<seconds>[0-5]?\d(?:\.\d*)?)"
)
ISO = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
DAYS = re.compile(r"(?P<days>[+-]?\d+) days?")
UNITS = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)) ?(?P<unit>s|sec|seconds|ms|us|ns)")
SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of each in a second
NONE = {"", "NaT"}


def seconds_in(text: str) -> float | None:
    """Return the seconds that a cell means; None for an empty one and for pandas' NaT.

    Numbers are seconds. ``0 days 00:00:01.5``, ``-1 days +23:59:59``, ``00:00:01.5``, ``P0DT0H0M1.5S``, ``1.5s``
    and ``1500ms`` are times too.

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip()
    if text in NONE:
        return None
    clock = CLOCK.fullmatch(text) or DAYS.fullmatch(text) or ISO.fullmatch(text)
    if clock and clock[0][-1] not in "PT":
        return _added(clock.groupdict())
    unit = UNITS.fullmatch(text)
    return float(unit["number"]) / SECONDS[unit["unit"]] if unit else float(text)


def _added(parts: dict[str, str | None]) -> float:
    """The sign of a clock after days is that of the clock alone, as pandas writes it; without days, of all."""
    days, hours, minutes, seconds = (
        float(parts.get(key) or 0) for key in ("days", "hours", "minutes", "seconds")
    )
    clock = hours * 3600 + minutes * 60 + seconds
    return days * 86_400 + (-clock if parts.get("sign") == "-" else clock)
