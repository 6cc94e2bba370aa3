"""The page of a report: one Markdown file on a run, folds or a study, with its pictures beside it.

OUT/report.md
OUT/chart.png, differences.png, scatter*.png, pooled.png, learning_curves.png
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.words import counted, in_markdown
from train.checksums import known_fields, verified
from train.errors import RunError
from train.files import (
    AUDIT_FILE,
    CLIPS_FILE,
    ENSEMBLE_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    make_folder,
    write_text,
)
from train.report.ensemble_section import TOGETHER, ensemble_section, together
from train.report.folds_page import folds_commands, folds_parts
from train.report.plots import Curves, plot_differences, plot_histories, plot_rows
from train.report.read_folds import read_folds
from train.report.run_study import study_of_run
from train.report.sections import (
    audit_section,
    coverage_section,
    emotions_section,
    environment_section,
    metrics_section,
    null_section,
    reproduce_section,
)
from train.report.settings_section import settings_section
from train.report.table import build_table
from train.report.weights_section import weights_sections
from train.runs.confusion import plot_confusion
from train.runs.history import read_history
from train.runs.plots import ScatterNote, plot_scatter
from train.runs.run_folder import read_metrics
from train.scores.estimates import Interval
from train.scores.fold_table import mean_over_folds
from train.scores.folds import Fold
from train.scores.permutation import permuted_within
from train.scores.registry import METRICS
from train.scores.wording import metric_sign
from train.studies.cross_validation import FOLDS
from train.studies.scored import Scores, fold_scores, score_rows, told_over_folds
from train.studies.study import (
    RESULTS,
    RowResult,
    Study,
    load_study,
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
    "pooled.png",
)
SAME_BITS = "Each head comes out with the same bits on the same machine and threads:"  # every page has it
LINE_START = re.compile(r"^(\d*)([#>+\-=.)])")  # what begins a heading, a list or a quotation


def write_report(path: Path, out: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the report of a run, an ensemble, a cross-validation, an ablation or baselines.

    Args:
        path: folder of it, finished.
        out: folder of the report; default: ``report`` in ``path``.
        overwrite: replace files of the report's names, whoever wrote them.

    Returns:
        The Markdown page; its pictures lie beside it.

    Raises:
        RunError: if the folder holds neither, or ``out`` files of the report's names that are none of a report.
        LabelError: if the labels of a run have moved or changed.
    """
    out = out or path / "report"
    if (path / FOLDS).exists():
        found = read_folds(path)
        _take(out, overwrite)
        parts = [*folds_parts(found, out), "## Reproduce", SAME_BITS, folds_commands(found)]
    else:
        study = load_study(path) if (path / RESULTS).exists() else study_of_run(path)
        _take(out, overwrite)
        parts = _study_parts(study, out)
    write_text(out / PAGE, "\n\n".join(parts) + "\n")
    return out / PAGE


def _study_parts(study: Study, out: Path) -> list[str]:
    scores = score_rows(study)
    return [
        f"# {in_markdown(study.path.resolve().name)}: {kind_of(study)}",
        *(ensemble_section(study) if is_ensemble(study) else []),
        *_scores(study, scores, out),
        *score_tables(study),
        *_pictures(study, scores, out),
        *study_sections(study),
    ]


def study_sections(study: Study) -> list[str]:
    """Return the sections of a study's page below its pictures, from what chance reaches to the commands.

    Raises:
        RunError: if a run is damaged.
    """
    path = study.path
    first = path / study.row(study.reference).runs[0]
    heads = [Fold(study.truth, together(study), study.speakers)] if is_ensemble(study) else None
    null = permuted_within(heads or study.scored(study.row(study.reference)), study.metric)
    runs = {row.name: [path / run for run in row.runs] for row in study.rows}
    of_whom = TOGETHER if is_ensemble(study) else None
    parts = [*weights_sections(runs), "## Chance", null_section(study, null, of_whom)]
    parts += ["## Audit", audit_section(path if (path / AUDIT_FILE).exists() else first)]
    parts += [
        "## Coverage",
        coverage_section([path / seeds[0] for seeds in study.runs_of(study.row(study.reference))]),
    ]
    parts += [f"## Environment of {in_markdown(first.resolve().name)}", environment_section(first)]
    parts += ["## Settings", settings_section(study)]
    return [*parts, "## Reproduce", SAME_BITS, reproduce_section(study)]


def _take(out: Path, overwrite: bool) -> None:
    """Make the folder; refuse one that holds files of our names beside no page of ours."""
    if not overwrite:
        _require_free(out)
    make_folder(out)


def _require_free(out: Path) -> None:
    page = out / PAGE
    if page.is_file() and SAME_BITS in page.read_text(encoding="utf-8", errors="replace"):
        return
    for name in (PAGE, *PICTURES):
        if (out / name).exists():
            raise RunError(
                f"{out / name}: is there already and belongs to no report; give another --out, or replace it with "
                "--overwrite"
            )


def is_ensemble(study: Study) -> bool:
    """Whether the one row of a study is the heads of an ensemble."""
    return (study.path / ENSEMBLE_FILE).exists()


def _shown(study: Study, row: str) -> FloatArray:
    """Return what a row predicts (seeds, clips, targets); of an ensemble, what its heads predict together."""
    return together(study) if is_ensemble(study) else study.predictions(study.row(row))


def kind_of(study: Study) -> str:
    """Say what a study is: "one head", or how many rows and fits."""
    fits = sum(len(row.runs) for row in study.rows)
    if is_ensemble(study):
        return f"ensemble of {counted(fits, 'head')}"
    return "one head" if fits == 1 else f"{counted(len(study.rows), 'row')}, {fits} fits"


def _scores(study: Study, scores: Scores, out: Path) -> list[str]:
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
    return [part for part in parts if part]


def score_tables(study: Study) -> list[str]:
    """Return a study's scores by emotion, with intervals, and by all metrics.

    Raises:
        RunError: if a run is damaged.
    """
    intervals = {row.name: _per_emotion(study, row) for row in study.rows}
    return [
        f"## {metric_sign(study.metric)} per emotion",
        emotions_section(study, intervals),
        "## All metrics",
        "Means over seeds and emotions; clipped to the range of the training labels.",
        metrics_section(study, {row.name: _means(study, row) for row in study.rows}),
    ]


def _pictures(study: Study, scores: Scores, out: Path) -> list[str]:
    parts = ["## Predictions"]
    estimates = [-np.inf if np.isnan(each.estimate) else each.estimate for each in scores.intervals]
    best = study.rows[int(np.argmax(estimates))]
    for row in dict.fromkeys([study.reference, best.name]):
        name = "scatter.png" if row == study.reference else "scatter_best.png"
        predictions = _shown(study, row)
        note = ScatterNote(study.metric, study.selected_on, len(predictions), _first_seed(study, row))
        plot_scatter(out / name, study.truth, predictions[0], study.names, note)
        name_shown = TOGETHER if is_ensemble(study) else row
        shown = LINE_START.sub(r"\1\\\2", in_markdown(name_shown).strip())
        parts += [f"{shown}:", f"![{shown}]({name})"]
        classes = name.replace("scatter", "confusion")
        if plot_confusion(out / classes, study.truth, predictions[0], study.names):
            parts.append(f"![{shown}, classes]({classes})")
    trained = [row for row in study.rows if (study.path / row.runs[0] / HISTORY_FILE).exists()]
    if trained:
        plot_histories(out / "learning_curves.png", *curves_of(study, trained))
        parts += ["## Learning curves", "![learning curves](learning_curves.png)"]
    return parts


def _first_seed(study: Study, row: str) -> FloatArray | None:
    """Return the first seed's score of each target over folds; None for a plain split, whose picture knows them."""
    if not study.folds:
        return None
    score = METRICS.get(study.metric)
    return mean_over_folds(np.array([score(f.truth, f.heads[0]) for f in study.scored(study.row(row))]))


def curves_of(study: Study, rows: Sequence[RowResult]) -> tuple[dict[str, Curves], str]:
    """Return the learning curves of some rows, each with a curve for every run, and what they show.

    Raises:
        RunError: if a history is damaged.
    """
    column = "loss" if study.selected_on == "last epoch" else "score"
    where = {"inner": "inner part of train", "valid": "validation clips"}
    title = (
        f"mean {study.metric} on the {where.get(study.selected_on, '')}"
        if column == "score"
        else "training loss"
    )
    histories = {}
    for row in rows:
        runs = [study.path / run for run in row.runs]
        histories[row.name] = Curves(
            [run.resolve().name for run in runs],
            [np.array(read_history(run / HISTORY_FILE)[column]) for run in runs],
            [_epoch(run / METRICS_FILE) for run in runs],
            on_other_clips=column == "score" and len(set(map(_inner_part, runs))) > 1,
            loss=str(row.config["loss"]) if column == "loss" else "",
        )
    return histories, title


def _inner_part(run: Path) -> frozenset[str] | None:
    """Return the clips that chose the epoch of a run; None if it does not name them."""
    path = run / CLIPS_FILE
    if not path.exists():
        return None
    with known_fields(path, "a table of clips"):
        return frozenset(row["clip_id"] for row in read_table(verified(path)).rows if row["part"] == "inner")


def _epoch(metrics: Path) -> int:
    with known_fields(metrics, "metrics of a fit"):
        return int(read_metrics(metrics)["epoch"])


def _per_emotion(study: Study, row: RowResult) -> list[Interval]:
    found = fold_scores(study, row)
    return [found.interval(k) for k in range(len(study.names))]


def _means(study: Study, row: RowResult) -> dict[str, float]:
    """Return mean over seeds of what the runs say of themselves, by "valid pearson" and so on."""
    runs = [read_metrics(study.path / run / METRICS_FILE) for run in row.runs]
    means = {}
    for part in ("valid", "valid_clipped"):
        for metric in METRICS:
            if study.folds:
                means[f"{part} {metric}"] = told_over_folds(study, row, part, metric)
                continue
            values = [(each.get(part) or {}).get(metric, {}).get("mean") for each in runs]
            means[f"{part} {metric}"] = float(
                np.mean([np.nan if value is None else value for value in values])
            )
    return means
