"""The rows of a table from its lines: CSV, TSV, JSON lines, or a bare list of ids."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from cache.common.errors import TableError
from cache.common.foreign_json import ForeignJsonError, parse_json
from cache.common.ids import BLANKS, UNPRINTABLE
from cache.common.table_text.cells import plain_cell

JSON_SUFFIXES, LIST_SUFFIXES = {".jsonl", ".ndjson"}, {".txt", ".lst"}
BREAKS = re.compile(r"\s*[\r\n\t]+\s*")
NO_NAME = re.compile(f"[{UNPRINTABLE}]")
LONGEST_CELL = 1 << 27  # characters; csv takes 131,072, which three hours of speech are more than
MOST_CELLS = 20_000_000  # that no row names


class Rows(NamedTuple):
    """The names of the columns, the rows as text by column, and the line number of each."""

    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    lines: tuple[int, ...]


def rows_of(path: Path, lines: list[str], names_files: Callable[[str], bool]) -> Rows:
    """Return the rows of a table.

    Args:
        path: whose suffix says what its lines are.
        lines: with their ends.
        names_files: says of a column whether it names files; blanks are part of those.

    Raises:
        TableError: a line is none of a table, or a row does not fit the header.
    """
    if path.suffix.lower() in JSON_SUFFIXES:
        return _from_jsonl(path, lines)
    if path.suffix.lower() in LIST_SUFFIXES:
        return _from_id_list(lines)
    return _from_csv(path, lines, names_files)


def _from_csv(path: Path, text: list[str], names_files: Callable[[str], bool]) -> Rows:
    delimiter = max(",;\t", key="".join(text[:1]).count)
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    reader = csv.reader(text, delimiter=delimiter)
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    columns: tuple[str, ...] = ()
    is_path: list[bool] = []
    begin = end = 0  # lines before the row at hand, and at its end
    try:
        for values in reader:
            begin, end = end, reader.line_num
            if not any(value.strip() for value in values):
                continue
            if not columns:
                columns = _header(path, values)
                is_path = [names_files(column) for column in columns]
                continue
            if len(values) != len(columns):
                raise TableError(
                    f"{path}, line {reader.line_num}: {len(values)} values, the header has {len(columns)}"
                    f"{_commas_inside(delimiter, values, columns)}"
                )
            rows.append(dict(zip(columns, map(_stripped, values, is_path), strict=True)))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: not a CSV row ({error})") from None
    _check_end(path, text[begin:], begin, delimiter)
    return Rows(columns, rows, tuple(lines))


def _check_end(path: Path, lines: list[str], begin: int, delimiter: str) -> None:
    """Refuse a last row whose quotation mark is never closed: it would swallow all the rows after it."""
    if len(lines) < 2:
        return
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise TableError(
                f"{path}, line {begin + 1}: a quotation mark is opened and never closed; close or remove it"
            ) from None


def _commas_inside(delimiter: str, values: list[str], columns: tuple[str, ...]) -> str:
    """Say what more values than columns come from where labels are written with decimal commas."""
    parts = sum(value.strip().isdecimal() for value in values)
    if delimiter != "," or len(values) < len(columns) or parts < 2 * (len(values) - len(columns)):
        return ""
    return "; decimal commas? separate the columns by semicolons or write points, 0.45"


def _header(path: Path, values: list[str]) -> tuple[str, ...]:
    """Return the names of the columns; pandas and R leave that of the index empty."""
    names = [plain_cell(BREAKS.sub(" ", value.strip(BLANKS))) for value in values]
    if not names[0] and len(names) > 1 and "Unnamed: 0" not in names:
        names[0] = "Unnamed: 0"
    _check_columns(path, names)
    return tuple(names)


def _stripped(value: str, is_path: bool) -> str:
    """Blanks around a value say nothing; but the name of a file may begin or end with one."""
    return value if is_path else plain_cell(value.strip(BLANKS))


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    seen: set[str] = set()
    for column in columns:
        if not column or column in seen:
            raise TableError(
                f"{path}, line 1: {'empty' if not column else 'repeated'} column name {column!r}"
            )
        if NO_NAME.search(column):
            raise TableError(f"{path}, line 1: column name {column!r} holds control characters; rename it")
        seen.add(column)


def _from_jsonl(path: Path, lines: list[str]) -> Rows:
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line, parse_number=str)
        except ForeignJsonError as error:
            raise TableError(f"{path}, line {number}: {error}; expected one JSON object per line") from None
        rows.append({key: "" if item is None else str(item) for key, item in value.items()})
        numbers.append(number)
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    _check_columns(path, columns)
    if len(columns) * len(rows) - sum(map(len, rows)) > MOST_CELLS:
        raise TableError(
            f"{path}: its {len(rows)} lines name {len(columns)} columns; expected the same in all"
        )
    rows = [{column: row.get(column, "") for column in columns} for row in rows]
    return Rows(columns, rows, tuple(numbers))


def _from_id_list(lines: list[str]) -> Rows:
    stripped = ((number, line.strip(BLANKS)) for number, line in enumerate(lines, 1))
    kept = [(number, text) for number, text in stripped if text]
    rows = [{"clip_id": text} for _, text in kept]
    return Rows(("clip_id",), rows, tuple(number for number, _ in kept))
