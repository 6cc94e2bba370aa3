"""Which columns of a table are labels: numbers, but neither the number of the row nor the id once more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cache.common.errors import TableError
from cache.common.table_text.numbers import is_missing, number_in, why_no_number
from cache.common.tables import Table

# What pandas, R and people call the index that a table was written with.
INDEX_NAMES = re.compile(
    r"unnamed:[ _]?\d+(?:[._]\w+)*|index|level_\d+|row[ _-]?(?:id|names?|index)|idx|#", re.IGNORECASE
)
FEWEST = 3  # rows, of which a column that counts is none by chance
FEWEST_ELSEWHERE = 8  # rows, where it begins with neither 0 nor 1
MOST_TARGETS = 10_000


@dataclass(frozen=True)
class LabelColumns:
    """The columns of a table that are not known as id, split, speaker, age, time or group.

    Attributes:
        targets: columns of numbers.
        text: columns of other text.
        numbering: columns of numbers that only number the rows, or repeat the id.
        empty: those of ``text`` that hold nothing at all in these rows.
    """

    targets: tuple[str, ...]
    text: tuple[str, ...]
    numbering: tuple[str, ...]
    empty: tuple[str, ...] = ()


def label_columns(table: Table, rows: Sequence[int]) -> LabelColumns:
    """Sort the columns of a table: one of which most values parse is a target, and then all must.

    Cells that say nothing, as empty ones and ``NA`` do, are no values.

    Args:
        table: of labels.
        rows: those of the split at hand.

    Raises:
        TableError: a column was meant as numbers but is written in another way, or there are absurdly many.
    """
    targets: list[str] = []
    text: list[str] = []
    numbering: list[str] = []
    empty: list[str] = []
    for column in table.columns:
        if table.is_known(column):
            continue
        values = [cell for row in rows if not is_missing(cell := table.rows[row][column])]
        if not values:
            empty.append(column)
        if not _mostly_numbers(values):
            _check_spelling(table, rows, column)
            text.append(column)
        elif is_numbering(table, rows, column):
            numbering.append(column)
        else:
            targets.append(column)
    if len(targets) > MOST_TARGETS:
        raise TableError(
            f"{table.path}: {len(targets)} columns of numbers, expected at most {MOST_TARGETS} labels; "
            "name the label columns with --targets"
        )
    return LabelColumns(tuple(targets), tuple(text), tuple(numbering), tuple(empty))


def is_numbering(table: Table, rows: Sequence[int], column: str) -> bool:
    """Say whether a column of numbers is an index: by its name, or since it counts or repeats the id."""
    if INDEX_NAMES.fullmatch(column):
        return True
    whole = range(len(table.rows))
    return any(_counts(table, part, column) for part in (rows, whole)) or _repeats_id(table, rows, column)


def _mostly_numbers(values: Sequence[str]) -> bool:
    return sum(number_in(value) is not None for value in values) > len(values) / 2


def _check_spelling(table: Table, rows: Sequence[int], column: str) -> None:
    """Refuse a column of which most values are, or were meant as, numbers: it would be lost in silence."""
    odd = [row for row in rows if why_no_number(table.rows[row][column])]
    if not odd:
        return
    plain = sum(number_in(table.rows[row][column]) is not None for row in rows)
    filled = sum(bool(table.rows[row][column]) for row in rows)
    if len(odd) + plain > filled / 2:
        text = table.rows[odd[0]][column]
        raise TableError(
            f"{table.path}, line {table.line(odd[0])}, column {column}: found {text!r}, {why_no_number(text)}; "
            "correct the column, or choose others with --targets"
        )


def _counts(table: Table, rows: Sequence[int], column: str) -> bool:
    first = number_in(table.rows[rows[0]][column])
    if first is None or not first.is_integer() or first < 0:
        return False
    if len(rows) < (FEWEST if first in (0, 1) else FEWEST_ELSEWHERE):
        return False
    return all(number_in(table.rows[row][column]) == first + at for at, row in enumerate(rows))


def _repeats_id(table: Table, rows: Sequence[int], column: str) -> bool:
    if table.id_column is None or len(rows) < FEWEST:
        return False
    for row in rows:
        text, clip_id = table.rows[row][column], table.rows[row][table.id_column].strip("[] ")
        last = re.split(r"[/\\]", clip_id)[-1].partition(".")[0]
        if text != clip_id and not (last.isdecimal() and number_in(text) == int(last)):
            return False
    return True
