"""The target columns of a label table, and what their cells say: numbers, classes, or nothing."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cache.common.errors import TableError
from cache.common.table_text.label_columns import LabelColumns, label_columns
from cache.common.table_text.numbers import is_missing, number_in, why_no_number
from cache.common.tables import Table
from train.errors import LabelError
from train.labels.annotators import EITHER, Ratings
from train.labels.tables import SHOWN_COLUMNS, Labels, listed

FloatArray = npt.NDArray[np.float64]
IS = "="  # between a column of classes and one of them: emotion=anger
MOST_CLASSES = 100


@dataclass(frozen=True)
class Column:
    """A target, and where a table has it.

    Attributes:
        name: of the target.
        source: the table's column.
        of_class: which class of that column is 1 and every other 0; None for a column of numbers.
        raters: columns of annotators, whose mean it is; the source is the first of them then.
    """

    name: str
    source: str
    of_class: str | None = None
    raters: tuple[str, ...] = ()


class Found(NamedTuple):
    """The targets of a table and its other columns.

    Attributes:
        targets: in their order.
        columns: those that are no targets.
        whole: columns of classes of which every class is a target.
    """

    targets: Sequence[Column]
    columns: LabelColumns
    whole: tuple[str, ...] = ()


def target_columns(
    table: Table,
    rows: Sequence[int],
    named: Sequence[str] | None,
    like: Labels | None,
    others: Collection[str] = (),
) -> Found:
    """Return the columns of a table that are targets, and those that are none.

    Args:
        table: of labels.
        rows: of the split at hand.
        named: targets that the user named: columns of numbers, columns of classes (one target for each class),
            one class as ``COLUMN=CLASS``, or annotators' columns as ``NAME=COLUMN|COLUMN``; None for all columns of
            numbers.
        like: the training labels, if these are the others: what numbers their rows is no target here either,
            what holds nothing here is one if it is there, and classes are theirs.
        others: columns of weights and annotators, which are no targets.

    Raises:
        LabelError: if there are none, or a name is none of a column.
    """
    if not named:
        return _all_numbers(table, rows, like, others)
    # Whether a column holds classes is for the training table to say.
    targets = _named_columns(table, () if like else rows, named)
    chosen = {source for column in targets for source in (column.source, *column.raters)}
    if twice := chosen & set(others):
        raise LabelError(
            f"{table.path}: {listed(sorted(twice))} is a target, and named with --weights or --annotators, too; "
            "choose another column for one of the two"
        )
    left = tuple(name for name in table.columns if name not in chosen and not table.is_known(name))
    whole = [c.source for c in targets if c.of_class is not None and c.source in set(named)]
    return Found(targets, LabelColumns((), left, ()), like.whole if like else tuple(dict.fromkeys(whole)))


def _all_numbers(table: Table, rows: Sequence[int], like: Labels | None, others: Collection[str]) -> Found:
    try:
        columns = label_columns(table, rows)
    except TableError as error:
        raise LabelError(str(error)) from None
    skipped = {*columns.numbering, *(like.numbering if like else ())}
    taken = {*columns.targets, *(set(columns.empty) & set(like.names if like else ()))}
    names = [name for name in table.columns if name in taken - {*skipped, *others}]
    if not names:
        raise LabelError(
            f"{table.path}: no numeric label column, found only {listed(table.columns, SHOWN_COLUMNS)}; "
            "a label table has a clip id column and one column of numbers per emotion (a column of classes is a "
            "target where --targets names it)"
        )
    text = tuple(name for name in columns.text if name not in {*taken, *others})
    numbering = tuple(name for name in table.columns if name in skipped)
    return Found([Column(name, name) for name in names], replace(columns, text=text, numbering=numbering))


def _named_columns(table: Table, rows: Sequence[int], names: Sequence[str]) -> list[Column]:
    known, found = set(table.columns), []
    for name in names:
        source, _, one = name.partition(IS)
        raters = tuple(part.strip() for part in one.split(EITHER)) if EITHER in one else ()
        if raters and name not in known:
            _require_columns(table, raters)
            found.append(Column(source.strip(), raters[0], raters=raters))
        elif name in known:
            classes = _classes_in(table, rows, name)
            found += [Column(name + IS + each, name, each) for each in classes] or [Column(name, name)]
        elif one and source in known:
            found.append(Column(name, source, one))
        else:
            _require_columns(table, [name])
    targets = [column.name for column in found]
    if len(set(targets)) != len(targets):
        raise LabelError(f"a target is named twice: {listed(targets, SHOWN_COLUMNS)}")
    return found


def specs_of(names: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Return how targets are asked for in another table: by their names, or by the columns of their annotators."""
    rated = {each.partition(IS)[0].strip(): each for each in asked if EITHER in each.partition(IS)[2]}
    return [rated.get(name, name) for name in names]


def ratings_in_columns(table: Table, rows: Sequence[int], columns: Sequence[Column]) -> Ratings | None:
    """Return what the annotators of a table say who have a column each; None where no target has several.

    Raises:
        LabelError: if a label is no number, or not finite.
    """
    most = max(len(column.raters) for column in columns)
    if not most:
        return None
    values = np.full((most, len(rows), len(columns)), np.nan)
    for target, column in enumerate(columns):
        for number, name in enumerate(column.raters):
            values[number, :, target] = [_number(table, row, name) for row in rows]
    clips = np.tile(np.arange(len(rows)), most)
    who = tuple(str(number + 1) for number in range(most) for _ in rows)
    flat = values.reshape(-1, len(columns))
    some = np.flatnonzero(~np.isnan(flat).all(1))
    return Ratings(clips[some], tuple(who[at] for at in some), flat[some])


def values_in(
    table: Table, rows: Sequence[int], columns: Sequence[Column], whole: Collection[str] = ()
) -> FloatArray:
    """Return the labels (rows, targets), NaN where one is missing.

    Args:
        table: of labels.
        rows: which of its rows.
        columns: the targets.
        whole: columns of classes of which every class is a target; another one there is refused.

    Raises:
        LabelError: if a label is no number, not finite, or of a class that is no target.
    """
    for source in whole:
        _require_known_classes(table, rows, source, {c.of_class for c in columns if c.source == source})
    values = [
        [
            (math.nan if column.raters else _number(table, row, column.source))
            if column.of_class is None
            else _is(table.rows[row][column.source], column.of_class)
            for column in columns
        ]
        for row in rows
    ]
    return np.array(values, dtype=np.float64).reshape(len(rows), len(columns))


def _require_columns(table: Table, names: Sequence[str]) -> None:
    known = set(table.columns)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, table.columns, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "; name columns that it has with --targets"
            raise LabelError(
                f"{table.path}: no column {name!r}, found {listed(table.columns, SHOWN_COLUMNS)}{hint}"
            )


def _classes_in(table: Table, rows: Sequence[int], column: str) -> list[str]:
    """Return the classes of a column, sorted; none if it holds, or was meant to hold, numbers."""
    filled = [text for row in rows if not is_missing(text := table.rows[row][column])]
    numbers = sum(number_in(text) is not None or bool(why_no_number(text)) for text in filled)
    if 2 * numbers >= len(filled):
        return []
    classes = sorted({text.strip() for text in filled})
    where, way = f"{table.path}, column {column}", "choose other columns with --targets"
    if len(classes) == 1:
        raise LabelError(
            f"{where}: every clip is of the class {classes[0]!r}, expected two classes or more; {way}"
        )
    if len(classes) > MOST_CLASSES:
        raise LabelError(
            f"{where}: {len(classes)} different texts, expected numbers, or at most {MOST_CLASSES} classes; {way}"
        )
    for one, two in zip(same := sorted(classes, key=str.casefold), same[1:], strict=False):
        if one.casefold() == two.casefold():
            raise LabelError(
                f"{where}: the classes {one!r} and {two!r} differ in case only; write them the same, or rename one"
            )
    return classes


def _require_known_classes(
    table: Table, rows: Sequence[int], column: str, known: Collection[str | None]
) -> None:
    for row in rows:
        text = table.rows[row][column].strip()
        if not is_missing(text) and text not in known:
            raise LabelError(
                f"{table.path}, line {table.line(row)}, column {column}: no training clip is of the class "
                f"{text!r}, they are {listed(sorted(map(str, known)), SHOWN_COLUMNS)}; "
                "correct it, or divide the clips otherwise"
            )


def _is(text: str, of_class: str) -> float:
    return math.nan if is_missing(text) else float(text.strip() == of_class)


def _number(table: Table, row: int, name: str) -> float:
    text = table.rows[row][name].strip()
    if is_missing(text):
        return math.nan
    value = number_in(text)
    if value is None or not math.isfinite(value):
        why = f" ({cause})" if (cause := why_no_number(text)) else ""
        raise LabelError(
            f"{table.path}, line {table.line(row)}, column {name}: found {text!r}, expected a finite number{why}; "
            "correct it, leave it empty, or choose the columns with --targets"
        )
    return value
