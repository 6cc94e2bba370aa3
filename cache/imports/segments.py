"""Clips that are parts of longer recordings: cut by start and end from the features of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache.commit.failures import Failure
from cache.common.errors import CacheError, TableError
from cache.common.ids import KnownIds
from cache.common.tables import Table, read_table
from cache.common.types import Array
from cache.imports.entry import STAGE, Entry, Sources
from cache.imports.options import UNITS, ImportOptions
from cache.imports.values import UnreadableError, Values

RECORDINGS = ("source", "recording", "video", "path", "file", "filename")
EARLY = 1e-6  # seconds that a time stamp may be before the start it is meant to be


def cut(sources: Sources, table: Path, options: ImportOptions) -> Sources:
    """Return the segments of a table in place of the recordings that the sources hold.

    A segment has the frames whose time stamps lie from its start to before its end; where there are no time stamps,
    frame i stands at i frame shifts.

    Args:
        sources: recordings by id.
        table: ids of the clips, ids of their recordings in a column such as ``source``, start and end [s].
        options: say the frame shift and the unit of time stamps.

    Raises:
        TableError: it is no such table.
        CacheError: neither time stamps nor a frame shift are known.
    """
    rows = read_table(table)
    column = next((c for name in RECORDINGS for c in rows.columns if c.strip().lower() == name), None)
    if column is None or not rows.column_for("start"):
        raise TableError(
            f"{table}: found the columns {', '.join(rows.columns)}, expected an id, one of "
            f"{', '.join(RECORDINGS)}, start and end [s]"
        )
    by_id = {entry.clip_id: entry for entry in sources.entries}
    known = KnownIds(by_id)
    missing = {failure.clip_id: failure for failure in sources.failures}
    once = _Last()
    entries: list[Entry] = []
    failures = [failure for failure in sources.failures if failure.clip_id == failure.path]
    for clip_id, recording, span in _rows(rows, column):
        name = known.find(recording)
        if name is None:
            why = missing.get(recording)
            failures.append(_missing(clip_id, recording, why))
            continue
        try:
            entries.append(_segment(by_id[name], clip_id, span, options, once))
        except UnreadableError as error:
            failures.append(Failure(clip_id, by_id[name].shown, STAGE, error.reason, str(error)))
    entries.sort(key=lambda entry: entry.clip_id)
    return replace(sources, entries=tuple(entries), failures=tuple(failures))


def _rows(table: Table, column: str) -> Iterator[tuple[str, str, tuple[float, float]]]:
    for number, clip_id in enumerate(table.ids()):
        start, end = table.segment(number)
        yield clip_id, table.rows[number][column].strip(), (start, math.inf if end is None else end)


def _missing(clip_id: str, recording: str, why: Failure | None) -> Failure:
    if why is not None:
        return replace(why, clip_id=clip_id)
    return Failure(clip_id, recording, STAGE, "not_found", f"no features of the recording {recording!r}")


class _Last:
    """Keeps the recording read last: its segments follow each other."""

    def __init__(self) -> None:
        self._held: tuple[Values, Array] | None = None

    def load(self, values: Values) -> Array:
        """Return the values of a recording."""
        if self._held is None or self._held[0] is not values:
            self._held = values, values.load()
        return self._held[1]


def _segment(
    entry: Entry, clip_id: str, span: tuple[float, float], options: ImportOptions, once: _Last
) -> Entry:
    values = entry.values
    if len(values.shape) != 2:
        raise UnreadableError(f"a recording {values.shape}, expected (frames, width) to cut", "wrong_shape")
    first, last = _frames(values, span, options)
    if not 0 <= first < last <= values.shape[0]:
        raise UnreadableError(
            f"from {span[0]:g} to {span[1]:g} s there is no frame of {entry.clip_id}, which has {values.shape[0]}",
            "bad_segment",
        )
    part = values.rows(first, last) if values.cut else _rows_of(values, first, last, once)
    return Entry(clip_id, part, entry.path, entry.shown)


def _rows_of(values: Values, first: int, last: int, once: _Last) -> Values:
    shape: tuple[int, ...] = (last - first, *values.shape[1:])
    times = values.times
    part = (lambda: times()[first:last]) if times else None
    return Values(shape, values.dtype, lambda: once.load(values)[first:last], None, part)


def _frames(values: Values, span: tuple[float, float], options: ImportOptions) -> tuple[int, int]:
    """Return the first frame of a segment and the one after its last."""
    start, end = span
    if values.times is None or options.frame_shift is not None:
        if options.frame_shift is None:
            raise CacheError("--segments needs to know the time of each frame: say --frame-shift SECONDS")
        frames = [math.ceil(min(time, 1e12) / options.frame_shift - EARLY) for time in span]
        return frames[0], min(frames[1], values.shape[0])
    times = _sorted(values.times() * UNITS[options.time_unit])
    first, last = np.searchsorted(times, np.array([start, end]) - EARLY).tolist()
    return first, last


def _sorted(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not (np.diff(times) > 0).all():
        raise UnreadableError("time stamps that do not rise: segments cannot be cut by them", "bad_segment")
    return times
