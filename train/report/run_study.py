"""A finished run, or an ensemble, as a study of one row; and what one run reported on, with its labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import read_table
from train.checksums import known_fields, read_json, verified, verify_run
from train.errors import LabelError, RunError
from train.files import ENVIRONMENT_FILE, PREDICTIONS_FILE
from train.labels.columns import specs_of
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels
from train.labels.tables import Labels, require_speakers
from train.runs.run_folder import load_run
from train.runs.submission import predictions_in
from train.runs.unpacking.unpack import require_folder
from train.scores.registry import METRICS
from train.scores.targets import mean_score
from train.streams.arguments import cache_words, places_in
from train.studies.study import Study, reported, row_result

ONE_HEAD = "one head, mean over seeds"  # the row of an ensemble
FloatArray = npt.NDArray[np.float64]


def study_of_run(path: Path) -> Study:
    """Return a finished run, or an ensemble, as a study of one row; its labels are read from where they were.

    Raises:
        RunError: if the folder holds no finished run, or one that left no clip to report on.
        LabelError: if the labels have moved or changed.
    """
    require_folder(path)
    run = load_run(path)
    if run.metrics["valid"] is None:
        raise RunError(f"{path}: was trained on train and valid together, no clip is left to report on")
    with known_fields(run.path / ENVIRONMENT_FILE, "an environment"):
        inputs = read_json(run.path / ENVIRONMENT_FILE).get("inputs", {})
        asked = specs_of(run.targets.names, inputs.get("targets") or ())
        files = LabelFiles.from_dict({**inputs, "targets": asked})
        cache = " ".join(cache_words(places_in(inputs["cache"])))
    labels, first = reported_by(run.path, run.metrics, read_all_labels(files))
    folders = [run.path, *(other.path for other in run.others)]
    name, whose = (ONE_HEAD, "Of the first head: ") if run.others else (path.resolve().name, "")
    row = row_result(name, run.config.to_dict(), cache, path, folders)
    return Study(
        path=path,
        rows=(row,),
        reference=row.name,
        metric=run.config.metric,
        caption=f"{whose}{run.metrics['statement']}."
        if whose
        else f"{run.metrics['statement']}.".capitalize(),
        selected_on=run.metrics["selected_on"],
        loaded={row.runs[0]: first},
        **reported(labels),
    )


def reported_by(run: Path, metrics: Mapping[str, Any], labels: Labels) -> tuple[Labels, FloatArray]:
    """Return the clips that a run reported on, and what it predicted for them (clips, targets).

    Args:
        run: folder of a finished run.
        metrics: content of its ``metrics.json``.
        labels: of these clips, among others.

    Raises:
        RunError: if the run is damaged.
        LabelError: if a clip has no label, or the labels give another score than the run says of itself.
    """
    verify_run(run)
    file = verified(run / PREDICTIONS_FILE)
    table = read_table(file)
    ids = table.ids()
    at = {clip_id: position for position, clip_id in enumerate(labels.clip_ids)}
    missing = [clip_id for clip_id in ids if clip_id not in at]
    if missing:
        raise LabelError(
            f"{labels.path}: no label for clip {missing[0]}, which {run} reported on; restore the table"
        )
    labels = labels.take([at[clip_id] for clip_id in ids])
    require_speakers(labels)
    predictions = predictions_in(table, labels.clip_ids, labels.names, file)
    _require_same_labels(run, metrics, labels, predictions)
    return labels, predictions


def _require_same_labels(
    run: Path, metrics: Mapping[str, Any], labels: Labels, predictions: FloatArray
) -> None:
    """Refuse labels that give a run another score than the one it has: its page would show numbers of no fit."""
    metric = str(metrics["metric"])
    told = metrics["valid"][metric]["mean"]
    found = mean_score(METRICS.get(metric), labels.targets, predictions)
    if not np.isclose(np.nan if told is None else told, found, rtol=0, atol=1e-5, equal_nan=True):
        raise LabelError(
            f"{labels.path}: gives the run {run} {metric} {found:.6g}, the run itself says {told}: "
            "the labels have changed since the fit; restore the table, or fit again"
        )
