"""Reads label tables: of one split, of a fit, or all labelled clips; each table is parsed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.ids import nearly_matching
from cache.common.tables import Table, split_in_name, split_name
from train.errors import LabelError
from train.labels.annotators import Ratings, only_rows, ratings_of_rows
from train.labels.columns import Found, ratings_in_columns, specs_of, target_columns, values_in
from train.labels.label_files import LabelFiles
from train.labels.missing import labelled, no_training_label
from train.labels.tables import SHOWN_COLUMNS, Labels, Splits, listed, speaker_in, without_speaker
from train.labels.weights import all_weights, weights_in

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Asked:
    """What the labels of a table are read with.

    Attributes:
        targets: names of the target columns; None for all that are labels.
        speakers: speaker of each clip id, where the table has no speaker column.
        like: the training labels: what numbers their rows is no target here either, what holds nothing here is one
            if it is there, and classes are theirs.
        weights: column of the clips' weights; only the training table must have it.
        annotators: column that says who rated, in a table of one row per clip and annotator.
    """

    targets: Sequence[str] | None = None
    speakers: Mapping[str, str] = field(default_factory=dict)
    like: Labels | None = None
    weights: str | None = None
    annotators: str | None = None


def read_labels(
    path: Path | str,
    targets: Sequence[str] | None = None,
    split: str | None = None,
    speakers: Mapping[str, str] | None = None,
    annotators: str | None = None,
) -> Labels:
    """Read the labels of one split.

    Args:
        path: a table, or a folder that holds ``<split>_split.csv``.
        targets: names of the target columns;
            default: all numeric columns except known id, split, speaker, age and time columns, and those that
            number the rows or repeat the id.
        split: "train", "valid" or "test": rows of that split, if the table has a split column.
        speakers: speaker of each clip id, where the table has no speaker column.
        annotators: column that says who rated, in a table of one row per clip and annotator.

    Raises:
        LabelError: if there are no targets, no clip has a label, or one is no number or not finite.
        TableError: if the table or its ids cannot be understood.
    """
    return _read_split(Path(path), split, _Asked(targets, speakers or {}, annotators=annotators))


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
    paths: dict[str, Any] = {name: Path(path) for name, path in given.items() if path is not None}
    return read_files(LabelFiles(**paths, targets=targets))


def read_files(files: LabelFiles) -> Splits:
    """Read the labels of a fit from the tables that a command was given; as ``read_splits``."""
    asked, table = _asked_for(files), _whole_table(files)
    if table is not None and table.split_column() is None:
        other = table.column_for("split")
        held = sorted({row[other] for row in table.rows}) if other else []
        raise LabelError(
            f"{table.path}: no split column{f' ({other!r} holds {listed(held)})' if other else ''}; "
            "add one (train / valid), or give two tables with --train and --valid"
        )
    return _splits_of(files, table, asked)


def read_all_labels(files: LabelFiles) -> Labels:
    """Return all labelled clips of train and valid; of a table without a split column, all rows.

    Raises:
        LabelError: if the tables do not go together.
        TableError: if a table cannot be understood.
    """
    asked, table = _asked_for(files), _whole_table(files)
    if table is None and files.labels is None and files.valid is None and files.train is not None:
        return _labels_of_split(read_table(files.train), None, asked)
    if table is not None and table.split_column() is None:
        return _labels_of_split(table, None, asked)
    splits = _splits_of(files, table, asked)
    joined = ("clip_ids", "written_ids", "speakers")
    both: dict[str, Any] = {
        name: getattr(splits.train, name) + getattr(splits.valid, name) for name in joined
    }
    others = (splits.valid.path,) if splits.valid.path != splits.train.path else ()
    targets = np.concatenate([splits.train.targets, splits.valid.targets])
    if splits.train.weights is not None:  # of all clips, or it is said
        both["weights"] = all_weights((splits.train, splits.valid))
    if splits.train.ratings and splits.valid.ratings:
        both["ratings"] = splits.train.ratings.followed_by(splits.valid.ratings, len(splits.train))
    unlabelled = splits.train.unlabelled + splits.valid.unlabelled
    return replace(splits.train, targets=targets, others=others, unlabelled=unlabelled, **both)


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
    pairs = zip(table.ids(), (speaker_in(row[column]) for row in table.rows), strict=True)
    return {clip_id: speaker for clip_id, speaker in pairs if speaker}


def _asked_for(files: LabelFiles) -> _Asked:
    speakers = read_speakers(files.speakers) if files.speakers else {}
    return _Asked(files.targets, speakers, weights=files.weights, annotators=files.annotators)


def _whole_table(files: LabelFiles) -> Table | None:
    """Return the one table of all labels; None for two tables."""
    if files.labels is None:
        return None
    if files.train is not None or files.valid is not None:
        raise LabelError("--labels replaces --train and --valid; give either the one or the two")
    return None if files.labels.is_dir() else read_table(files.labels)


def _splits_of(files: LabelFiles, table: Table | None, asked: _Asked) -> Splits:
    """Return both splits: of ``table``, or of the two tables that ``files`` name.

    A column that numbers the rows of the training table is no target of the validation table, whose part of
    the same index may begin anywhere; one that holds nothing there is a target all the same.
    """
    if table is None and files.labels is None and (files.train is None or files.valid is None):
        found = f"only {files.train or files.valid}" if files.train or files.valid else "no labels at all"
        raise LabelError(f"{found}; give both --train CSV and --valid CSV, or --labels DIR_OR_CSV")

    def read(split: str, asked: _Asked) -> Labels:
        if table is not None:
            return _labels_of_split(table, split, asked)
        if files.labels is not None:
            return _read_split(files.labels, split, asked)
        return _labels_of_split(read_table(vars(files)[split]), None, asked)

    train = read("train", asked)
    # A class of the training table is one here, too.
    named = specs_of(train.names, asked.targets) if asked.targets else None
    valid = read("valid", replace(asked, targets=named, like=train))
    _require_labels(train, valid)
    return Splits(train, _in_order_of(valid, train), files)


def _read_split(path: Path, split: str | None, asked: _Asked) -> Labels:
    """Read the labels of a split from a table, or from the table of that name in a folder."""
    return _labels_of_split(
        read_table(path / f"{split or 'valid'}_split.csv" if path.is_dir() else path), split, asked
    )


def _labels_of_split(table: Table, split: str | None, asked: _Asked) -> Labels:
    """Return the rows of ``split``; all of them without one, or where the table has no split column."""
    rows = list(range(len(table.rows)))
    column = table.split_column(split_is_named=split_in_name(table.path.stem) == split)
    if split is not None and column is not None:
        found = [split_name(row[column]) for row in table.rows]
        rows = [i for i in rows if found[i] == split]
        if not rows:
            raise LabelError(
                f"{table.path}: column {column!r} holds no {split!r} rows, found {listed(sorted(set(found)))}"
            )
    return _labels_of(table, rows, asked)


def _labels_of(table: Table, rows: Sequence[int], asked: _Asked) -> Labels:
    if not asked.annotators:
        table.ids()  # an id that stands twice is told first
    found, targets, ratings = _rated(table, rows, asked)
    if asked.annotators and ratings:  # from here on a row per clip
        table = only_rows(table, [rows[at] for at in ratings.first()])
        rows = range(len(table.rows))
    clip_ids, written = table.ids(), table.written_ids()
    speaker_column = table.column_for("speaker")
    own = [speaker_in(table.rows[i][speaker_column]) if speaker_column else None for i in rows]
    who = tuple(asked.speakers.get(clip_ids[i]) or mine for i, mine in zip(rows, own, strict=True))
    if asked.speakers and not any(who):
        ids = [clip_ids[i] for i in rows]
        raise LabelError(without_speaker(table.path, ids, len(ids)) + nearly_matching(ids, asked.speakers))
    weighted = asked.weights if asked.like is None or asked.weights in table.columns else None
    return _with_a_label(
        Labels(
            path=table.path,
            clip_ids=tuple(clip_ids[i] for i in rows),
            written_ids=tuple(written[i] for i in rows),
            targets=targets,
            ratings=ratings,
            names=tuple(column.name for column in found.targets),
            id_column=table.id_column or "clip_id",
            speakers=who,
            ignored=found.columns.text,
            named=bool(asked.targets),
            numbering=found.columns.numbering,
            empty=found.columns.empty,
            whole=found.whole,
            weights=weights_in(table, rows, weighted) if weighted else None,
            weighted_by=weighted or "",
        )
    )


def _rated(table: Table, rows: Sequence[int], asked: _Asked) -> tuple[Found, FloatArray, Ratings | None]:
    """Return the target columns, the labels (clips, targets), and what each of several annotators said."""
    others = [name for name in (asked.weights, asked.annotators) if name]
    found = target_columns(table, rows, asked.targets, asked.like, others)
    values, ratings = values_in(table, rows, found.targets, found.whole), None
    if asked.annotators:
        ratings = ratings_of_rows(table, rows, asked.annotators, values)
        values = ratings.means(len(ratings.first()))
    elif ratings := ratings_in_columns(table, rows, found.targets):
        values = np.where(np.isnan(values), ratings.means(len(rows)), values)
    return found, values, ratings


def _with_a_label(labels: Labels) -> Labels:
    """Leave out, and count, the clips that have no label of any target.

    Raises:
        LabelError: if no clip is left.
    """
    some = np.flatnonzero(~np.isnan(labels.targets).all(1))
    if len(some) == len(labels):
        return labels
    if not len(some):
        raise LabelError(
            f"{labels.path}: none of its {len(labels)} clips has a label of {listed(labels.names, SHOWN_COLUMNS)}; "
            "every such cell is empty: fill some, or choose other columns with --targets"
        )
    return replace(labels.take(some), unlabelled=len(labels) - len(some))


def _require_labels(train: Labels, valid: Labels) -> None:
    """Refuse a target of which no training clip has a label.

    Raises:
        LabelError: if there is one.
    """
    lacking = [train.names[i] for i in np.flatnonzero(~labelled(train.targets))]
    lacking += [name for name in valid.names if name in train.empty and name not in train.names]
    if lacking:
        raise LabelError(no_training_label(train.path, lacking, len(train)))


def _in_order_of(labels: Labels, reference: Labels) -> Labels:
    """Return ``labels`` with the target columns in the order of ``reference``, where the names agree."""
    if labels.names == reference.names or set(labels.names) != set(reference.names):
        return labels
    at = {name: position for position, name in enumerate(labels.names)}
    order = [at[name] for name in reference.names]
    return replace(labels, targets=labels.targets[:, order], names=reference.names)
