"""Submission files: predictions as a table with the training label file's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.durable import storage_errors
from train.files import write_csv, write_json
from train.runs.predict import Predictions
from train.runs.run_folder import Run

FloatArray = npt.NDArray[np.float64]


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


def write_submission(
    path: Path, run: Run, predictions: Predictions, wanted: Wanted | None = None, *, clip: bool = True
) -> dict[str, Any]:
    """Write predictions in the training label file's columns, and what is worth a note beside them.

    Args:
        path: of the CSV; with something to note, ``<path>.notes.json`` lies beside it.
        run: that predicted.
        predictions: of ``predict``.
        wanted: the ids as the user writes them.
        clip: bring the values into the range of the training labels, in this file only.

    Returns:
        The notes: ``clips``, ``clipped``, ``filled``, ``recipe_diff``, ``selected_on``.
    """
    values = run.targets.clipped(predictions.values) if clip else predictions.values
    written = wanted.written_ids if wanted else predictions.clip_ids
    notes = {
        "clips": len(predictions.clip_ids),
        "clipped": clip,
        "filled": list(predictions.filled),
        "recipe_diff": list(predictions.recipe_diff),
        "selected_on": run.metrics["selected_on"],
    }
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(path, run.targets.id_column, written, values, predictions.names)
    beside = path.with_name(path.name + ".notes.json")
    if predictions.filled or predictions.recipe_diff:
        write_json(beside, notes)
    else:
        beside.unlink(missing_ok=True)  # of an earlier prediction of the same name
    return notes


def write_predictions(
    path: Path, id_column: str, written_ids: Sequence[str], values: FloatArray, names: Sequence[str]
) -> None:
    """Write a submission file: the training label file's columns, one row per clip.

    Nine digits give back every bit of a float32.
    """
    rows = (
        [clip_id, *(f"{value:.9g}" for value in row)]
        for clip_id, row in zip(written_ids, values, strict=True)
    )
    write_csv(path, [id_column, *names], rows)
