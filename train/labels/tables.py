"""Labels in clips → extract → cache → train → intensities: tables of clip ids and their intensities.

Labels stay outside the cache: they change without extracting anything again.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.console import counted
from cache.common.tables import Table, split_name
from train.errors import LabelError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SHOWN = 5  # ids named in an error


@dataclass(frozen=True)
class Labels:
    """The labelled clips of one split, in the order of their table.

    Attributes:
        path: the table they came from.
        clip_ids: (clips,) by the one id rule.
        written_ids: (clips,) as the table writes them.
        targets: (clips, targets) float64, finite.
        names: names of the targets, as the table calls them.
        id_column: name of the id column.
        speakers: (clips,) None where the speaker is unknown.
        ignored: columns that are no targets: text, or, where targets were named, all others.
        named: whether the targets were named, and not all numeric columns taken.
    """

    path: Path
    clip_ids: tuple[str, ...]
    written_ids: tuple[str, ...]
    targets: FloatArray
    names: tuple[str, ...]
    id_column: str
    speakers: tuple[str | None, ...]
    ignored: tuple[str, ...]
    named: bool = False

    def __len__(self) -> int:
        return len(self.clip_ids)

    def take(self, positions: Sequence[int] | IntArray) -> Labels:
        """Return the labels at ``positions``, in that order."""
        return Labels(
            path=self.path,
            clip_ids=tuple(self.clip_ids[i] for i in positions),
            written_ids=tuple(self.written_ids[i] for i in positions),
            targets=self.targets[np.asarray(positions, dtype=np.int64)],
            names=self.names,
            id_column=self.id_column,
            speakers=tuple(self.speakers[i] for i in positions),
            ignored=self.ignored,
            named=self.named,
        )


@dataclass(frozen=True)
class Splits:
    """The labels of a fit.

    Attributes:
        train: clips to learn from.
        valid: clips to report on; same target names, no clip in common.
    """

    train: Labels
    valid: Labels

    def __post_init__(self) -> None:
        if self.train.names != self.valid.names:
            raise LabelError(
                f"{self.valid.path}: its targets are {_list(self.valid.names, 20)}, those of "
                f"{self.train.path} are {_list(self.train.names, 20)}; name the ones to use with --targets"
            )
        shared = sorted(set(self.train.clip_ids) & set(self.valid.clip_ids))
        if shared:
            raise LabelError(
                f"{counted(len(shared), 'clip')} in both train ({self.train.path}) and valid ({self.valid.path}): "
                f"{_list(shared)}; a clip belongs to one split"
            )

    @property
    def paths(self) -> tuple[Path, ...]:
        """The tables, each once."""
        return tuple(dict.fromkeys([self.train.path, self.valid.path]))


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
    table = read_table(path)
    rows = list(range(len(table.rows)))
    split_column = table.column_for("split")
    if split is not None and split_column is not None:
        found = [split_name(row[split_column]) for row in table.rows]
        rows = [i for i in rows if found[i] == split]
        if not rows:
            raise LabelError(
                f"{path}: column {split_column!r} holds no {split!r} rows, found {_list(sorted(set(found)))}"
            )
    return _labels_of(table, rows, targets, speakers or {})


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
    known = read_speakers(speakers) if speakers else None
    if labels is not None:
        if train is not None or valid is not None:
            raise LabelError("--labels replaces --train and --valid; give either the one or the two")
        if not Path(labels).is_dir() and read_table(labels).column_for("split") is None:
            raise LabelError(
                f"{labels}: no split column; add one (train / valid), or give two tables "
                "with --train and --valid"
            )
        train = valid = labels
    if train is None or valid is None:
        found = f"only {train or valid}" if train or valid else "no labels at all"
        raise LabelError(f"{found}; give both --train CSV and --valid CSV, or --labels DIR_OR_CSV")
    first = read_labels(train, targets, "train" if labels else None, known)
    return Splits(first, _in_order_of(read_labels(valid, targets, "valid" if labels else None, known), first))


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
            f"{path}: no speaker column, found {_list(table.columns)}; name one column 'speaker'"
        )
    pairs = zip(table.ids(), (row[column].strip() for row in table.rows), strict=True)
    return {clip_id: speaker for clip_id, speaker in pairs if speaker}


def require_speakers(*parts: Labels) -> None:
    """Refuse labels of which only some clips have a known speaker; all or none of a part must have one.

    A clip without one would be drawn as a speaker of its own, and intervals would come out far too narrow.

    Raises:
        LabelError: if a part is incomplete.
    """
    for labels in parts:
        check_speakers(labels.path, labels.written_ids, labels.speakers)


def check_speakers(path: Path, ids: Sequence[str], speakers: Sequence[str | None]) -> None:
    """Do as ``require_speakers`` for clips of a table at ``path``."""
    unknown = [clip_id for clip_id, speaker in zip(ids, speakers, strict=True) if speaker is None]
    if 0 < len(unknown) < len(ids):
        raise LabelError(_without_speaker(path, unknown, len(ids)))


def _without_speaker(path: Path, unknown: Sequence[str], total: int) -> str:
    return (
        f"{path}: {len(unknown)} of {total} clips have no known speaker, expected all or none: {_list(unknown)}; "
        "complete the --speakers table (or the speaker column), or leave speakers out: intervals are then "
        "clip-level"
    )


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
        raise LabelError(_without_speaker(table.path, [clip_ids[i] for i in rows], len(rows)))
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
                f"{table.path}: no column {name!r}, found {_list(table.columns, len(table.columns))}{hint}"
            )
    if len(set(targets)) != len(targets):
        raise LabelError(f"a target is named twice: {_list(targets, len(targets))}")
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
            f"{table.path}: no numeric label column, found only {_list(table.columns, len(table.columns))}; "
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


def _list(names: Sequence[str], most: int = SHOWN) -> str:
    text = ", ".join(names[:most]) or "none"
    return f"{text} and {len(names) - most} more" if len(names) > most else text
