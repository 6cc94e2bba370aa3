"""Scores of a study: every row's interval, its difference from the reference, p-values, spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from train.files import METRICS_FILE
from train.runs.run_folder import read_metrics
from train.scores.estimates import Difference, Interval
from train.scores.evidence import described, group_scores
from train.scores.fold_table import mean_over_folds
from train.scores.folds import FoldScores, mean_scores
from train.scores.holm import holm
from train.scores.leave_one_out import FloatArray
from train.scores.wording import why_no_interval
from train.studies.study import RowResult, Study


@dataclass(frozen=True)
class Scores:
    """Score of each row, and its difference from the reference; all (rows,).

    Attributes:
        intervals: of the scores.
        differences: row minus reference; None for the reference itself, and where one is undefined.
        p_values: of the differences, corrected after Holm; NaN for the reference.
        spread: standard deviation over seeds; NaN with one seed.
    """

    intervals: list[Interval]
    differences: list[Interval | None]
    p_values: list[float]
    spread: list[float]


def fold_scores(study: Study, row: RowResult, metric: str | None = None) -> FoldScores:
    """Return the scores of a row, of a plain split as of a single fold.

    Args:
        study: that it is of.
        row: to score.
        metric: a registered one; None takes the study's.
    """
    return FoldScores.of(study.scored(row), metric or study.metric)


def score_rows(study: Study) -> Scores:
    """Score every row of a study on the same clips, with the same speakers and seeds."""
    rows = {row.name: fold_scores(study, row) for row in study.rows}
    defined = [row.name for row in study.rows if np.isfinite(rows[row.name].each_seed).all()]
    others = [name for name in defined if name != study.reference and study.reference in defined]
    differences: dict[str, Difference] = {name: rows[name].less(rows[study.reference]) for name in others}
    p_values = holm([differences[name].p_value for name in others], study.family)
    corrected = dict(zip(others, p_values, strict=True))
    return Scores(
        [rows[row.name].interval() for row in study.rows],
        [differences[row.name].interval if row.name in differences else None for row in study.rows],
        [float(corrected.get(row.name, np.nan)) for row in study.rows],
        [_spread(rows[row.name].each_seed) for row in study.rows],
    )


def describe(study: Study, scores: Scores) -> dict[str, Any]:
    """Return a study with its scores as JSON values: what ``--json`` prints."""
    rows = [
        {
            **row.to_dict(),
            "lr": row.config.get("lr"),
            study.metric: asdict(interval),
            "difference": None if difference is None else asdict(difference),
            "p": p_value,
        }
        for row, interval, difference, p_value in zip(
            study.rows, scores.intervals, scores.differences, scores.p_values, strict=True
        )
    ]
    values = {"out": str(study.path), "caption": study.caption, "reference": study.reference, "rows": rows}
    if study.folds:
        values["folds"] = [fold._asdict() for fold in study.folds]
        for values_of_row, row in zip(rows, study.rows, strict=True):
            values_of_row.update(_over_folds(study, row))
    return values


def scores_by_group(study: Study, group_of: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return what every row reaches within groups of clips, as ``group_scores`` does, by the row's name.

    Args:
        study: to score.
        group_of: clip id → group, of every clip reported on.
    """
    groups = [[group_of[clip] for clip in study.clip_ids[at]] for at in study.places]
    return {row.name: group_scores(study.scored(row), groups, study.metric) for row in study.rows}


def _over_folds(study: Study, row: RowResult) -> dict[str, Any]:
    """Return each target of a row with its interval and the number of its folds, and every metric's means."""
    found = fold_scores(study, row)
    return {
        "per_target": {
            name: {**described(found.interval(k)), "folds": found.number_of_folds(k)}
            for k, name in enumerate(study.names)
        },
        "scores": mean_scores(study.scored(row), study.names),
    }


def told_over_folds(study: Study, row: RowResult, part: str, metric: str) -> float:
    """Return a metric's mean over targets, folds and seeds, from what the runs say of themselves.

    Args:
        study: of folds.
        row: of it.
        part: "valid" or "valid_clipped".
        metric: a registered one; NaN where the runs have none.
    """
    folds = []
    for runs in study.runs_of(row):
        told = [read_metrics(study.path / run / METRICS_FILE)[part] or {} for run in runs]
        each = [(one.get(metric) or {}).get("per_target", {}) for one in told]
        values = [[np.nan if one.get(name) is None else one[name] for name in study.names] for one in each]
        folds.append(np.mean(values, axis=0))
    return float(mean_over_folds(np.array(folds, dtype=np.float64)).mean())


def notes_on_folds(study: Study) -> str:
    """Say which targets the reference has in some folds only, and which have no interval, and why.

    Returns:
        Sentences; nothing for a plain split.
    """
    if not study.folds:
        return ""
    found, said = fold_scores(study, study.row(study.reference)), []
    for k, name in enumerate(study.names):
        count = found.number_of_folds(k)
        if count < len(study.folds):
            said.append(
                f"{name} is defined in {count} of {len(study.folds)} folds, and is its mean over these."
            )
    missing: dict[str, list[str]] = {}
    for k, name in enumerate(study.names):
        missing.setdefault(why_no_interval(found.interval(k)), []).append(name)
    said += [f"No interval for {', '.join(names)}: {why}." for why, names in missing.items() if why]
    return " ".join(said)


def _spread(scores: FloatArray) -> float:
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")
