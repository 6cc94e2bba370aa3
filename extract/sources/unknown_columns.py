"""Columns of a manifest that nothing understands: near misses are refused, the others are named as unused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cache.common.errors import TableError
from cache.common.tables import KNOWN_COLUMNS, Table

MAX_LISTED = 8
UNITS = re.compile(
    r"(?<=..)(time|seconds|secs?|ms|millis)$"
)  # start_sec is start, in a name compared as a key
# What people call the columns that decide which sound a clip is: passed over, all clips of a file are the same.
MEANT: dict[str, tuple[str, ...]] = {
    "start": ("begin", "begins", "from", "onset", "offset", "tstart", "tmin", "starts"),
    "end": ("stop", "to", "until", "till", "offset", "tend", "tmax", "ends", "finish"),
    "channel": ("ch", "chan", "chn", "channelid", "channelno"),
    "duration": ("length", "len", "dur"),
}
PATH_WORDS = ("wav", "audio", "file", "video", "media", "path", "sound", "recording")


def check_columns(table: Table) -> tuple[str, ...]:
    """Return the columns of a manifest that nothing uses.

    Raises:
        TableError: one of them is nearly a column for start, end, duration or channel that the table lacks.
    """
    unknown = tuple(column for column in table.columns if not table.is_known(column))
    for column in unknown:
        meant = [kind for kind in MEANT if _lacks(table, kind) and _is_meant(column, kind)]
        if meant:
            raise TableError(
                f"{table.path}, line 1: column {column!r} is not known; call it "
                f"{' or '.join(map(repr, meant))} ({'0, 1, ...' if meant == ['channel'] else 'seconds'}) "
                "if that is meant, else rename or remove it"
            )
    return unknown


def _lacks(table: Table, kind: str) -> bool:
    """Say whether a column of this kind would change which sound a clip is."""
    has = {name for name in MEANT if table.column_for(name)}
    if kind == "duration":
        return "start" in has and not has & {"end", "duration"}  # without a start it says nothing new
    return kind not in has and not (kind == "end" and {"start", "duration"} <= has)


def _is_meant(column: str, kind: str) -> bool:
    key = _key(column)
    names = {*MEANT[kind], *KNOWN_COLUMNS[kind]}
    long = [name for name in names if len(name) >= 5]
    return key in names or UNITS.sub("", key) in names or any(_slipped(key, name) for name in long)


def _slipped(one: str, other: str) -> bool:
    """Say whether two words differ by one letter too many or by two neighbours that changed places."""
    if abs(len(one) - len(other)) == 1:
        short, long = sorted((one, other), key=len)
        return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
    swapped = (other[:i] + other[i + 1] + other[i] + other[i + 2 :] for i in range(len(other) - 1))
    return len(one) == len(other) and one in swapped


def no_path_column(table: Table) -> str:
    """Return what to add to a message that ids have no files: that no column names files, or nothing."""
    if len(table.columns) < 2 or table.file_column:
        return ""
    others = [column for column in table.columns if column != table.id_column]
    like = [column for column in others if any(word in _key(column) for word in PATH_WORDS)]
    advice = f" (if {like[0]!r} names the files, call it 'path')" if like else ""
    return f"; no column 'path' among {_listed(table.columns)}{advice}"


def unused_lines(unused: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one line per table that has columns nothing uses."""
    return [f"  {path}: columns not used: {_listed(columns)}" for path, columns in unused.items() if columns]


def _listed(columns: Sequence[str]) -> str:
    more = len(columns) - MAX_LISTED
    return ", ".join(columns[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _key(column: str) -> str:
    return re.sub(r"[-_ .]", "", column).lower()
