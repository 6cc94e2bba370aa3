"""Tables of text with a row a frame: one clip a file, or a column of ids; time stamps where there are any."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cache.common.table_text.times import seconds_in
from cache.common.types import Array
from cache.imports.layouts.columns import NO_ID, Columns, columns_of
from cache.imports.part import Part
from cache.imports.values import UnreadableError, Values, read_span

DELIMITERS = ",;\t"
BOM = b"\xef\xbb\xbf"
MAX_LINE = 1 << 22  # bytes: 200,000 numbers
BLOCK = 1 << 16  # bytes that tell text from other files


@dataclass
class _Rows:
    """The rows of a clip: spans of the file [bytes], and how many rows they are."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0

    def add(self, begin: int, end: int) -> None:
        if self.spans and self.spans[-1][1] == begin:
            self.spans[-1] = (self.spans[-1][0], end)
        else:
            self.spans.append((begin, end))
        self.count += 1


@dataclass(frozen=True)
class _Table:
    path: Path
    delimiter: str
    columns: Columns


def parts(path: Path, _key: str | None = None) -> Iterator[Part]:
    """Yield the clips of a table; its rows are read when they are needed.

    Raises:
        UnreadableError, OSError: nothing of it can be taken.
    """
    with path.open("rb") as file:
        table = _begun(path, file)
        clips = _clips(table, file)
    if table.columns.clip is None or clips.keys() <= {NO_ID}:
        rows = clips.get("", clips.get(NO_ID, _Rows()))
        yield Part(None, _values(table, rows))
        return
    for clip_id, rows in clips.items():
        yield Part(clip_id, _values(table, rows))


def _begun(path: Path, file: BinaryIO) -> _Table:
    """Read what stands before the first frame: a header, if there is one."""
    begin = file.read(BLOCK)
    if b"\0" in begin:
        raise UnreadableError("no table of text: it holds zero bytes")
    file.seek(len(BOM) if begin.startswith(BOM) else 0)
    at, line = file.tell(), _line(file)
    text = _text(line).rstrip("\r\n")
    if not text.strip():
        raise UnreadableError("no rows", "no_frames")
    delimiter = max(DELIMITERS, key=text.count)
    cells = _cells(text, delimiter)
    if all(_is_number(cell) for cell in cells):  # no header
        file.seek(at)
        return _Table(path, delimiter, Columns(None, None, tuple(range(len(cells)))))
    return _Table(path, delimiter, columns_of(cells))


def _clips(table: _Table, file: BinaryIO) -> dict[str, _Rows]:
    clips: dict[str, _Rows] = {}
    place, delimiter = table.columns.clip, table.delimiter.encode()
    while True:
        begin = file.tell()
        line = _line(file)
        if not line:
            return clips
        if line.isspace():
            continue
        name = ""
        if place is not None:
            cells = line.split(delimiter) if b'"' not in line else None
            text = _cells(_text(line), table.delimiter) if cells is None else [_text(c) for c in cells]
            if place >= len(text):
                raise UnreadableError(f"byte {begin}: a row of {len(text)} cells without an id")
            name = text[place].strip().strip("'")
        clips.setdefault(name, _Rows()).add(begin, file.tell())


def _line(file: BinaryIO) -> bytes:
    line = file.readline(MAX_LINE)
    if len(line) == MAX_LINE:
        raise UnreadableError(f"a line of more than {MAX_LINE >> 20} MB, expected a row a frame")
    return line


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise UnreadableError("no table of UTF-8 text") from None


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _values(table: _Table, rows: _Rows) -> Values:
    shape = (rows.count, len(table.columns.features))

    def load() -> Array:
        return _numbers(table, rows, table.columns.features)

    def times() -> Array:
        place = table.columns.time or 0
        try:
            return _numbers(table, rows, (place,))[:, 0]
        except UnreadableError:
            lines = _lines(table, rows)
            texts = [_cells(line, table.delimiter)[place] for line in lines if line.strip()]
            return np.array([_seconds(text) for text in texts])

    return Values(shape, np.dtype("<f8"), load, None, None if table.columns.time is None else times)


def _seconds(text: str) -> float:
    try:
        seconds = seconds_in(text)
    except ValueError:
        seconds = None
    if seconds is None:
        raise UnreadableError(f"a time stamp {text[:40]!r}, expected seconds")
    return seconds


def _lines(table: _Table, rows: _Rows) -> list[str]:
    spans = (read_span(table.path, begin, end - begin).tobytes() for begin, end in rows.spans)
    return [line for span in spans for line in _text(span).splitlines()]


def _numbers(table: _Table, rows: _Rows, columns: tuple[int, ...]) -> Array:
    lines = _lines(table, rows)
    if not lines:
        return np.zeros((0, len(columns)))
    try:
        values: Array = np.loadtxt(
            lines, delimiter=table.delimiter, usecols=columns, comments=None, quotechar='"', ndmin=2
        )
    except ValueError as error:
        found = " ".join(str(error).split()).removesuffix(".").partition("; use")[0]
        raise UnreadableError(f"no numbers: {found[:120]}") from None
    if len(values) != rows.count:
        raise UnreadableError(f"{len(values)} rows, expected {rows.count}: a cell with a line break?")
    return values
