"""Submission files: predictions as a table with the training label file's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import Table, read_table
from cache.common.durable import refusal, write_output
from cache.common.errors import StorageError
from cache.common.foreign_json import ForeignJsonError, read_json_file
from cache.common.ids import KnownIds
from train.checksums import known_fields, read_json
from train.errors import RunError
from train.files import ENVIRONMENT_FILE, csv_text, run_files, write_json, write_text
from train.runs.predict import Predictions
from train.runs.run_folder import Run

FloatArray = npt.NDArray[np.float64]

UNLEARNED = "unlearned"  # of the notes, where there is any


@dataclass(frozen=True)
class Wanted:
    """Ids that somebody asked for.

    Attributes:
        clip_ids: (clips,) by the one id rule.
        written_ids: (clips,) as the table writes them.
    """

    clip_ids: tuple[str, ...]
    written_ids: tuple[str, ...]


def read_ids(path: Path) -> Wanted:
    """Read the ids to predict from a table or a bare list, in its order.

    Raises:
        TableError: if the table or an id cannot be understood.
    """
    table = read_table(path)
    return Wanted(tuple(table.ids()), tuple(table.written_ids()))


def require_output(path: Path, run: Run, *others: Path | None) -> None:
    """Refuse, before anything is predicted, to write predictions over what they come from.

    Args:
        path: where they are to go.
        run: that predicts.
        others: the table of clips that are asked for, the bundle that the run was in.

    Raises:
        RunError: if ``path`` is one of these, a label table of the run, or one of its files.
    """
    tables = read_json(run.path / ENVIRONMENT_FILE).get("label_files") if _has_environment(run) else None
    inputs = [*filter(None, others), *(Path(name) for name in tables or ())]
    folders = {each.path.resolve() for each in (run, *run.others)}
    is_ours = path.name in run_files(path.parent) and path.resolve().parent in folders
    if is_ours or any(path.resolve() == each.resolve() for each in inputs):
        raise RunError(f"{path}: is what the predictions come from; give another --out")


def write_submission(
    path: Path,
    run: Run,
    predictions: Predictions,
    wanted: Wanted | None = None,
    *,
    clip: bool = True,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write predictions in the training label file's columns, and what is worth a note beside them.

    Args:
        path: of the CSV; with something to note, ``<path>.notes.json`` lies beside it.
        run: that predicted.
        predictions: of ``predict``.
        wanted: the ids as the user writes them.
        clip: bring the values into the range of the training labels, in this file only.
        overwrite: replace files of those names, whatever they hold.

    Returns:
        The notes: ``clips``, ``clipped``, ``filled``, ``recipe_diff``, ``unlearned``, ``selected_on``.

    Raises:
        StorageError: if one of the two exists, is not what would be written, and may not be replaced.
    """
    values = run.targets.clipped(predictions.values) if clip else predictions.values
    written = wanted.written_ids if wanted else predictions.clip_ids
    notes = {
        "clips": len(predictions.clip_ids),
        "clipped": clip,
        "filled": list(predictions.filled),
        "recipe_diff": list(predictions.recipe_diff),
        **({UNLEARNED: dict(predictions.unlearned)} if predictions.unlearned else {}),
        "selected_on": run.metrics["selected_on"],
    }
    text = predictions_text(run.targets.id_column, written, values, predictions.names)
    beside = path.with_name(path.name + ".notes.json")
    replaceable = _is_notes(beside, notes)
    noted = bool(predictions.filled or predictions.recipe_diff or predictions.unlearned)
    if noted and beside.exists() and not (replaceable or overwrite):
        raise StorageError(refusal(beside))
    write_output(path, text.encode(), overwrite)
    if noted:
        write_json(beside, notes)
    elif replaceable:
        beside.unlink(missing_ok=True)  # of an earlier prediction of the same name
    return notes


def _has_environment(run: Run) -> bool:
    return (run.path / ENVIRONMENT_FILE).exists()  # an unpacked bundle has none


def _is_notes(path: Path, like: Mapping[str, Any]) -> bool:
    """Whether a file holds notes of ours, and not something of somebody else's that is called so."""
    try:
        return {*read_json_file(path), UNLEARNED} == {*like, UNLEARNED}
    except (OSError, ForeignJsonError):
        return False


def predictions_in(table: Table, clip_ids: Sequence[str], names: Sequence[str], path: Path) -> FloatArray:
    """Return the predictions (clips, targets) of a table, in the order of ``clip_ids`` and ``names``.

    Raises:
        RunError: if the table lacks a clip, predicts other targets, or holds what is no number; it names ``path``.
    """
    known = KnownIds(clip_ids)
    at = {known.find(text): number for number, text in enumerate(table.written_ids())}
    missing = [clip_id for clip_id in clip_ids if clip_id not in at]
    if missing or [name for name in table.columns if name != table.id_column] != list(names):
        what = f"no prediction for clip {missing[0]}" if missing else f"predicts {', '.join(table.columns)}"
        raise RunError(f"{path}: {what}; it is a run of another study, fit it again with --overwrite")
    rows = [table.rows[at[clip_id]] for clip_id in clip_ids]
    with known_fields(path, "a table of predictions"):
        values = np.array([[float(row[name]) for name in names] for row in rows], dtype=np.float64)
    if not np.isfinite(values).all():
        raise RunError(f"{path}: holds predictions that are not finite; fit it again with a lower --lr")
    return values


def write_predictions(
    path: Path, id_column: str, written_ids: Sequence[str], values: FloatArray, names: Sequence[str]
) -> None:
    """Write a submission file: the training label file's columns, one row per clip."""
    write_text(path, predictions_text(id_column, written_ids, values, names))


def predictions_text(
    id_column: str, written_ids: Sequence[str], values: FloatArray, names: Sequence[str]
) -> str:
    """Return the text of a submission file; nine digits give back every bit of a float32."""
    rows = (
        [clip_id, *(f"{value:.9g}" for value in row)]
        for clip_id, row in zip(written_ids, values, strict=True)
    )
    return csv_text([id_column, *names], rows)
