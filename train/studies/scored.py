"""Scores of a study: every row's interval, its difference from the reference, p-values, spread over seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from train.scores.estimates import Difference, Interval
from train.scores.holm import holm
from train.scores.intervals import difference_of, interval_of
from train.scores.leave_one_out import Clusters, FloatArray
from train.studies.study import Study


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


def score_rows(study: Study) -> Scores:
    """Score every row of a study on the same clips, with the same speakers and seeds."""
    clusters = Clusters.of(len(study.truth), study.speakers)
    rows = {r.name: clusters.scores(study.truth, study.predictions(r), study.metric) for r in study.rows}
    defined = [row.name for row in study.rows if np.isfinite(rows[row.name].estimate).all()]
    others = [name for name in defined if name != study.reference and study.reference in defined]
    differences: dict[str, Difference] = {
        name: difference_of(clusters, rows[name], rows[study.reference], study.metric) for name in others
    }
    p_values = holm([differences[name].p_value for name in others], study.family)
    corrected = dict(zip(others, p_values, strict=True))
    return Scores(
        [interval_of(clusters, rows[row.name], study.metric) for row in study.rows],
        [differences[row.name].interval if row.name in differences else None for row in study.rows],
        [float(corrected.get(row.name, np.nan)) for row in study.rows],
        [_spread(rows[row.name].estimate) for row in study.rows],
    )


def describe(study: Study, scores: Scores) -> dict[str, Any]:
    """Return a study with its scores as JSON values: what ``--json`` prints."""
    rows = [
        {
            **asdict(row),
            "lr": row.config.get("lr"),
            study.metric: asdict(interval),
            "difference": None if difference is None else asdict(difference),
            "p": p_value,
        }
        for row, interval, difference, p_value in zip(
            study.rows, scores.intervals, scores.differences, scores.p_values, strict=True
        )
    ]
    return {"out": str(study.path), "caption": study.caption, "reference": study.reference, "rows": rows}


def _spread(scores: FloatArray) -> float:
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")
