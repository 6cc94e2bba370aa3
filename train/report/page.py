"""The page of a report: one Markdown file on a run or a study, with its pictures beside it.

OUT/report.md
OUT/chart.png, differences.png, scatter*.png, learning_curves.png
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.durable import storage_errors
from cache.common.words import counted, in_markdown
from train.errors import LabelError, RunError
from train.files import (
    AUDIT_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    read_json,
    write_text,
)
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels
from train.labels.tables import require_speakers
from train.report.plots import plot_differences, plot_histories, plot_rows
from train.report.sections import (
    audit_section,
    emotions_section,
    environment_section,
    metrics_section,
    null_section,
    reproduce_section,
)
from train.report.table import build_table
from train.runs.plots import ScatterNote, plot_scatter
from train.runs.run_folder import load_run
from train.scores.estimates import Interval
from train.scores.intervals import score_interval
from train.scores.permutation import permutation_null
from train.scores.registry import METRICS
from train.scores.wording import metric_sign
from train.studies.cross_validation import FOLDS
from train.studies.scored import Scores, score_rows
from train.studies.study import (
    RESULTS,
    RowResult,
    Study,
    load_study,
    predictions_in,
    reported,
    row_result,
)

FloatArray = npt.NDArray[np.float64]
PAGE = "report.md"
LINE_START = re.compile(r"^(\d*)([#>+\-=.)])")  # what begins a heading, a list or a quotation


def write_report(path: Path, out: Path | None = None) -> Path:
    """Write the report of a run, or of an ablation or baselines.

    Args:
        path: folder of a finished run or study.
        out: folder of the report; default: ``report`` in ``path``.

    Returns:
        The Markdown page; its pictures lie beside it.

    Raises:
        RunError: if the folder holds neither.
        LabelError: if the labels of a run have moved or changed.
    """
    study = load_study(path) if (path / RESULTS).exists() else _study_of_run(path)
    out = out or path / "report"
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    scores = score_rows(study)
    parts = [
        f"# {in_markdown(path.resolve().name)}: {_kind(study)}",
        *_scores(study, scores, out),
        *_pictures(study, scores, out),
    ]
    first = path / study.row(study.reference).runs[0]
    predictions = study.predictions(study.row(study.reference))
    null = permutation_null(study.truth, predictions, study.metric, study.speakers)
    parts += ["## Chance", null_section(study, null)]
    parts += ["## Audit", audit_section(path if (path / AUDIT_FILE).exists() else first)]
    parts += [f"## Environment of {in_markdown(first.resolve().name)}", environment_section(first)]
    parts += ["## Reproduce", "Each head comes out with the same bits on the same machine and threads:"]
    parts.append(reproduce_section(study))
    write_text(out / PAGE, "\n\n".join(parts) + "\n")
    return out / PAGE


def _kind(study: Study) -> str:
    fits = sum(len(row.runs) for row in study.rows)
    return "one head" if fits == 1 else f"{counted(len(study.rows), 'row')}, {fits} fits"


def _scores(study: Study, scores: Scores, out: Path) -> list[str]:
    intervals = {row.name: _per_emotion(study, row) for row in study.rows}
    note = (
        "Each interval stands for itself: they are not corrected for their number; p-values are, after Holm."
        if len(study.rows) > 1
        else ""
    )
    parts = ["## Scores", build_table(study, scores).markdown().strip(), note]
    if len(study.rows) > 1:
        plot_rows(out / "chart.png", study, scores)
        parts.append("![scores](chart.png)")
        plot_differences(out / "differences.png", study, scores)
        parts += ["## Differences", "![differences](differences.png)"]
    parts += [f"## {metric_sign(study.metric)} per emotion", emotions_section(study, intervals)]
    parts += [
        "## All metrics",
        "Means over seeds and emotions; clipped to the range of the training labels.",
        metrics_section(study, {row.name: _means(study, row) for row in study.rows}),
    ]
    return [part for part in parts if part]


def _pictures(study: Study, scores: Scores, out: Path) -> list[str]:
    parts = ["## Predictions"]
    estimates = [-np.inf if np.isnan(each.estimate) else each.estimate for each in scores.intervals]
    best = study.rows[int(np.argmax(estimates))]
    for row in dict.fromkeys([study.reference, best.name]):
        name = "scatter.png" if row == study.reference else "scatter_best.png"
        predictions = study.predictions(study.row(row))
        note = ScatterNote(study.metric, study.selected_on, len(predictions))
        plot_scatter(out / name, study.truth, predictions[0], study.names, note)
        shown = LINE_START.sub(r"\1\\\2", in_markdown(row).strip())
        parts += [f"{shown}:", f"![{shown}]({name})"]
    trained = [row for row in study.rows if (study.path / row.runs[0] / HISTORY_FILE).exists()]
    if trained:
        _plot_curves(study, trained, out / "learning_curves.png")
        parts += ["## Learning curves", "![learning curves](learning_curves.png)"]
    return parts


def _plot_curves(study: Study, rows: Sequence[RowResult], path: Path) -> None:
    column = "loss" if study.selected_on == "last epoch" else "score"
    where = {"inner": "inner part of train", "valid": "validation clips"}
    title = (
        f"mean {study.metric} on the {where.get(study.selected_on, '')}"
        if column == "score"
        else "training loss"
    )
    histories, chosen = {}, {}
    for row in rows:
        runs = [study.path / run for run in row.runs]
        histories[row.name] = [_history(run / HISTORY_FILE, column) for run in runs]
        chosen[row.name] = [int(read_json(run / METRICS_FILE)["epoch"]) for run in runs]
    plot_histories(path, histories, title, chosen)


def _history(path: Path, column: str) -> FloatArray:
    with path.open(encoding="utf-8", newline="") as file:
        return np.array([float(row[column] or "nan") for row in csv.DictReader(file)])


def _per_emotion(study: Study, row: RowResult) -> list[Interval]:
    predictions = study.predictions(row)
    return [
        score_interval(study.truth[:, [k]], predictions[:, :, [k]], study.metric, study.speakers)
        for k in range(len(study.names))
    ]


def _means(study: Study, row: RowResult) -> dict[str, float]:
    """Return mean over seeds of what the runs say of themselves, by "valid pearson" and so on."""
    runs = [read_json(study.path / run / METRICS_FILE) for run in row.runs]
    means = {}
    for part in ("valid", "valid_clipped"):
        for metric in METRICS:
            values = [(each.get(part) or {}).get(metric, {}).get("mean") for each in runs]
            means[f"{part} {metric}"] = float(
                np.mean([np.nan if value is None else value for value in values])
            )
    return means


def _study_of_run(path: Path) -> Study:
    """Return a finished run, or an ensemble, as a study of one row; its labels are read from where they were."""
    if (path / FOLDS).exists():
        raise RunError(
            f"{path}: is a cross-validation; report one of its runs, for example {path / 'fold-1'}"
        )
    run = load_run(path)
    if run.metrics["valid"] is None:
        raise RunError(f"{path}: was trained on train and valid together, no clip is left to report on")
    table = read_table(run.path / PREDICTIONS_FILE)
    ids = table.ids()
    inputs = read_json(run.path / ENVIRONMENT_FILE).get("inputs", {})
    labels = read_all_labels(LabelFiles.from_dict({**inputs, "targets": list(run.targets.names)}))
    at = {clip_id: position for position, clip_id in enumerate(labels.clip_ids)}
    missing = [clip_id for clip_id in ids if clip_id not in at]
    if missing:
        raise LabelError(
            f"{labels.path}: no label for clip {missing[0]}, which {path} reported on; restore the table"
        )
    labels = labels.take([at[clip_id] for clip_id in ids])
    require_speakers(labels)
    cache, folders = Path(inputs["cache"]), [run.path, *(other.path for other in run.others)]
    row = row_result(path.resolve().name, run.config.to_dict(), cache, path, folders)
    first = predictions_in(table, labels.clip_ids, labels.names, run.path / PREDICTIONS_FILE)
    return Study(
        path=path,
        rows=(row,),
        reference=row.name,
        metric=run.config.metric,
        caption=f"{run.metrics['statement']}.".capitalize(),
        selected_on=run.metrics["selected_on"],
        loaded={row.runs[0]: first},
        **reported(labels),
    )
