"""Reads label tables: of one split, of a fit, or all labelled clips; each table is parsed once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache import read_table
from cache.common.tables import Table, split_name
from train.errors import LabelError
from train.labels.label_files import LabelFiles
from train.labels.tables import Labels, Splits, listed, without_speaker


def read_labels(
    path: Path | str,
    targets: Sequence[str] | None = None,
    split: str | None = None,
    speakers: Mapping[str, str] | None = None,
) -> Labels:
    """Read the labels of one split.

    Args:
        path: a table, or a folder that holds ``<split>_split.csv``.
        targets: names of the target columns;
            default: all numeric columns except known id, split, speaker, age and time columns.
        split: "train", "valid" or "test": rows of that split, if the table has a split column.
        speakers: speaker of each clip id, where the table has no speaker column.

    Raises:
        LabelError: if there are no targets, or a label is missing, no number or not finite.
        TableError: if the table or its ids cannot be understood.
    """
    path = Path(path)
    if path.is_dir():
        path = path / f"{split or 'valid'}_split.csv"
    return _labels_of_split(read_table(path), split, targets, speakers or {})


def read_splits(
    train: Path | str | None = None,
    valid: Path | str | None = None,
    labels: Path | str | None = None,
    speakers: Path | str | None = None,
    targets: Sequence[str] | None = None,
) -> Splits:
    """Read the labels of a fit: two tables, a folder of two tables, or one table with a split column.

    Args:
        train: table of the training clips.
        valid: table of the validation clips.
        labels: folder with ``train_split.csv`` and ``valid_split.csv``, or a table with a split column.
        speakers: table of clip id and speaker.
        targets: names of the target columns.

    Raises:
        LabelError: if the tables do not make two disjoint splits with the same targets.
        TableError: if a table cannot be understood.
    """
    given = {"train": train, "valid": valid, "labels": labels, "speakers": speakers}
    paths = {name: Path(path) for name, path in given.items() if path is not None}
    return read_files(LabelFiles(**paths, targets=targets))


def read_files(files: LabelFiles) -> Splits:
    """Read the labels of a fit from the tables that a command was given; as ``read_splits``."""
    known, table = _speakers_of(files), _whole_table(files)
    if table is not None and table.column_for("split") is None:
        raise LabelError(
            f"{table.path}: no split column; add one (train / valid), or give two tables "
            "with --train and --valid"
        )
    return _splits_of(files, table, known)


def read_all_labels(files: LabelFiles) -> Labels:
    """Return all labelled clips of train and valid; of a table without a split column, all rows.

    Raises:
        LabelError: if the tables do not go together.
        TableError: if a table cannot be understood.
    """
    known, table = _speakers_of(files), _whole_table(files)
    if table is None and files.labels is None and files.valid is None and files.train is not None:
        table = read_table(files.train)
        return _labels_of_split(table, None, files.targets, known)
    if table is not None and table.column_for("split") is None:
        return _labels_of_split(table, None, files.targets, known)
    splits = _splits_of(files, table, known)
    joined = ("clip_ids", "written_ids", "speakers")
    both: dict[str, Any] = {
        name: getattr(splits.train, name) + getattr(splits.valid, name) for name in joined
    }
    return replace(splits.train, targets=np.concatenate([splits.train.targets, splits.valid.targets]), **both)


def read_speakers(path: Path | str) -> dict[str, str]:
    """Return the speaker of each clip id from a table ``clip_id,speaker``.

    Raises:
        LabelError: if the table has no speaker column.
        TableError: if the table cannot be understood.
    """
    table = read_table(path)
    column = table.column_for("speaker")
    if column is None:
        raise LabelError(
            f"{path}: no speaker column, found {listed(table.columns)}; name one column 'speaker'"
        )
    pairs = zip(table.ids(), (row[column].strip() for row in table.rows), strict=True)
    return {clip_id: speaker for clip_id, speaker in pairs if speaker}


def _speakers_of(files: LabelFiles) -> Mapping[str, str]:
    return read_speakers(files.speakers) if files.speakers else {}


def _whole_table(files: LabelFiles) -> Table | None:
    """Return the one table of all labels; None for two tables."""
    if files.labels is None:
        return None
    if files.train is not None or files.valid is not None:
        raise LabelError("--labels replaces --train and --valid; give either the one or the two")
    return None if files.labels.is_dir() else read_table(files.labels)


def _splits_of(files: LabelFiles, table: Table | None, speakers: Mapping[str, str]) -> Splits:
    """Return both splits: of ``table``, or of the two tables that ``files`` name."""
    if table is not None:
        train, valid = (
            _labels_of_split(table, split, files.targets, speakers) for split in ("train", "valid")
        )
    elif files.labels is not None:
        train, valid = (read_labels(files.labels, files.targets, s, speakers) for s in ("train", "valid"))
    elif files.train is None or files.valid is None:
        found = f"only {files.train or files.valid}" if files.train or files.valid else "no labels at all"
        raise LabelError(f"{found}; give both --train CSV and --valid CSV, or --labels DIR_OR_CSV")
    else:
        train, valid = (
            read_labels(path, files.targets, None, speakers) for path in (files.train, files.valid)
        )
    return Splits(train, _in_order_of(valid, train), files)


def _labels_of_split(
    table: Table, split: str | None, targets: Sequence[str] | None, speakers: Mapping[str, str]
) -> Labels:
    """Return the rows of ``split``; all of them without one, or where the table has no split column."""
    rows = list(range(len(table.rows)))
    column = table.column_for("split")
    if split is not None and column is not None:
        found = [split_name(row[column]) for row in table.rows]
        rows = [i for i in rows if found[i] == split]
        if not rows:
            raise LabelError(
                f"{table.path}: column {column!r} holds no {split!r} rows, found {listed(sorted(set(found)))}"
            )
    return _labels_of(table, rows, targets, speakers)


def _labels_of(
    table: Table, rows: Sequence[int], targets: Sequence[str] | None, speakers: Mapping[str, str]
) -> Labels:
    if not rows:
        raise LabelError(f"{table.path}: the table has no rows; a label table needs one row per clip")
    clip_ids = table.ids()
    names = _named_targets(table, targets) if targets else _numeric_columns(table, rows)
    speaker_column = table.column_for("speaker")
    own = [table.rows[i][speaker_column].strip() if speaker_column else "" for i in rows]
    who = tuple(speakers.get(clip_ids[i]) or mine or None for i, mine in zip(rows, own, strict=True))
    if speakers and not any(who):
        raise LabelError(without_speaker(table.path, [clip_ids[i] for i in rows], len(rows)))
    return Labels(
        path=table.path,
        clip_ids=tuple(clip_ids[i] for i in rows),
        written_ids=tuple(table.rows[i][table.id_column] if table.id_column else clip_ids[i] for i in rows),
        targets=np.array([[_number(table, i, name) for name in names] for i in rows], dtype=np.float64),
        names=tuple(names),
        id_column=table.id_column or "clip_id",
        speakers=who,
        ignored=tuple(name for name in table.columns if name not in names and not table.is_known(name)),
        named=bool(targets),
    )


def _named_targets(table: Table, targets: Sequence[str]) -> list[str]:
    for name in targets:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise LabelError(
                f"{table.path}: no column {name!r}, found {listed(table.columns, len(table.columns))}{hint}"
            )
    if len(set(targets)) != len(targets):
        raise LabelError(f"a target is named twice: {listed(targets, len(targets))}")
    return list(targets)


def _numeric_columns(table: Table, rows: Sequence[int]) -> list[str]:
    """Columns of which most values parse; one that does not parse is then an error, not a text column."""
    names = []
    for name in table.columns:
        parsed = sum(_parsed(table.rows[i][name]) is not None for i in rows)
        if not table.is_known(name) and parsed > len(rows) / 2:
            names.append(name)
    if not names:
        raise LabelError(
            f"{table.path}: no numeric label column, found only {listed(table.columns, len(table.columns))}; "
            "a label table has a clip id column and one column of numbers per emotion"
        )
    return names


def _number(table: Table, row: int, name: str) -> float:
    value = _parsed(table.rows[row][name])
    if value is None or not math.isfinite(value):
        text = table.rows[row][name].strip()
        raise LabelError(
            f"{table.path}, line {table.line(row)}, column {name}: found {text!r}, expected a finite number; "
            "correct it, remove the row, or choose the columns with --targets"
        )
    return value


def _parsed(text: str) -> float | None:
    # float() also takes "1_000", which no table means as a number.
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _in_order_of(labels: Labels, reference: Labels) -> Labels:
    """Return ``labels`` with the target columns in the order of ``reference``, where the names agree."""
    if labels.names == reference.names or set(labels.names) != set(reference.names):
        return labels
    order = [labels.names.index(name) for name in reference.names]
    return Labels(**{**vars(labels), "targets": labels.targets[:, order], "names": reference.names})
