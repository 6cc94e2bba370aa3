"""The page of a report: one Markdown file on a run or a study, with its pictures beside it.

OUT/report.md
OUT/chart.png, differences.png, scatter*.png, learning_curves.png
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.words import counted, in_markdown
from train.checksums import known_fields, read_json, verified, verify_run
from train.errors import LabelError, RunError
from train.files import (
    AUDIT_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    make_folder,
    write_text,
)
from train.labels.columns import specs_of
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels
from train.labels.tables import Labels, require_speakers
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
from train.runs.confusion import plot_confusion
from train.runs.history import read_history
from train.runs.plots import ScatterNote, plot_scatter
from train.runs.run_folder import Run, load_run, read_metrics
from train.runs.submission import predictions_in
from train.scores.estimates import Interval
from train.scores.intervals import score_interval
from train.scores.permutation import permutation_null
from train.scores.registry import METRICS
from train.scores.targets import mean_score
from train.scores.wording import metric_sign
from train.studies.cross_validation import FOLDS
from train.studies.scored import Scores, score_rows
from train.studies.study import (
    RESULTS,
    RowResult,
    Study,
    load_study,
    reported,
    row_result,
)

FloatArray = npt.NDArray[np.float64]
PAGE = "report.md"
PICTURES = (
    "chart.png",
    "differences.png",
    "scatter.png",
    "scatter_best.png",
    "confusion.png",
    "confusion_best.png",
    "learning_curves.png",
)
SAME_BITS = "Each head comes out with the same bits on the same machine and threads:"  # every page has it
LINE_START = re.compile(r"^(\d*)([#>+\-=.)])")  # what begins a heading, a list or a quotation


def write_report(path: Path, out: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the report of a run, or of an ablation or baselines.

    Args:
        path: folder of a finished run or study.
        out: folder of the report; default: ``report`` in ``path``.
        overwrite: replace files of the report's names, whoever wrote them.

    Returns:
        The Markdown page; its pictures lie beside it.

    Raises:
        RunError: if the folder holds neither, or ``out`` files of the report's names that are none of a report.
        LabelError: if the labels of a run have moved or changed.
    """
    study = load_study(path) if (path / RESULTS).exists() else _study_of_run(path)
    out = out or path / "report"
    if not overwrite:
        _require_free(out)
    make_folder(out)
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
    parts += ["## Reproduce", SAME_BITS]
    parts.append(reproduce_section(study))
    write_text(out / PAGE, "\n\n".join(parts) + "\n")
    return out / PAGE


def _require_free(out: Path) -> None:
    """Refuse a folder that holds files of our names beside no page of ours."""
    page = out / PAGE
    if page.is_file() and SAME_BITS in page.read_text(encoding="utf-8", errors="replace"):
        return
    for name in (PAGE, *PICTURES):
        if (out / name).exists():
            raise RunError(
                f"{out / name}: is there already and belongs to no report; give another --out, or replace it with "
                "--overwrite"
            )


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
        classes = name.replace("scatter", "confusion")
        if plot_confusion(out / classes, study.truth, predictions[0], study.names):
            parts.append(f"![{shown}, classes]({classes})")
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
        histories[row.name] = [np.array(read_history(run / HISTORY_FILE)[column]) for run in runs]
        chosen[row.name] = [_epoch(run / METRICS_FILE) for run in runs]
    plot_histories(path, histories, title, chosen)


def _epoch(metrics: Path) -> int:
    with known_fields(metrics, "metrics of a fit"):
        return int(read_metrics(metrics)["epoch"])


def _per_emotion(study: Study, row: RowResult) -> list[Interval]:
    predictions = study.predictions(row)
    return [
        score_interval(study.truth, predictions, study.metric, study.speakers, k)
        for k in range(len(study.names))
    ]


def _means(study: Study, row: RowResult) -> dict[str, float]:
    """Return mean over seeds of what the runs say of themselves, by "valid pearson" and so on."""
    runs = [read_metrics(study.path / run / METRICS_FILE) for run in row.runs]
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
    verify_run(run.path)
    file = verified(run.path / PREDICTIONS_FILE)
    table = read_table(file)
    ids = table.ids()
    with known_fields(run.path / ENVIRONMENT_FILE, "an environment"):
        inputs = read_json(run.path / ENVIRONMENT_FILE).get("inputs", {})
        asked = specs_of(run.targets.names, inputs.get("targets") or ())
        labels = read_all_labels(LabelFiles.from_dict({**inputs, "targets": asked}))
        cache = Path(inputs["cache"])
    at = {clip_id: position for position, clip_id in enumerate(labels.clip_ids)}
    missing = [clip_id for clip_id in ids if clip_id not in at]
    if missing:
        raise LabelError(
            f"{labels.path}: no label for clip {missing[0]}, which {path} reported on; restore the table"
        )
    labels = labels.take([at[clip_id] for clip_id in ids])
    require_speakers(labels)
    folders = [run.path, *(other.path for other in run.others)]
    row = row_result(path.resolve().name, run.config.to_dict(), cache, path, folders)
    first = predictions_in(table, labels.clip_ids, labels.names, file)
    _require_same_labels(run, labels, first)
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


def _require_same_labels(run: Run, labels: Labels, predictions: FloatArray) -> None:
    """Refuse labels that give a run another score than the one it has: its page would show numbers of no fit.

    Raises:
        LabelError: if they do.
    """
    told = run.metrics["valid"][run.config.metric]["mean"]
    found = mean_score(METRICS.get(run.config.metric), labels.targets, predictions)
    if not np.isclose(np.nan if told is None else told, found, rtol=0, atol=1e-5, equal_nan=True):
        raise LabelError(
            f"{labels.path}: gives the run {run.path} {run.config.metric} {found:.6g}, the run itself says {told}: "
            "the labels have changed since the fit; restore the table, or fit again"
        )
