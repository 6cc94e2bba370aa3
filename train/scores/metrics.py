"""Scores of intensities in clips → extract → cache → train → intensities, per emotion and mean.

A constant column has no correlation: its score is NaN, shown as "undefined", and so is the mean then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors import LabelError

FloatArray = npt.NDArray[np.float64]

# A column counts as constant when it varies by no more than what float32 arithmetic leaves behind:
# one and the same prediction differs in its last bits from batch to batch.
CONSTANT = 1e-6


def pearson(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return Pearson's correlation of each column.

    Args:
        truth: (clips, targets).
        prediction: (clips, targets).

    Returns:
        (targets,) in [-1, 1]; NaN where a column is constant or there are fewer than two clips.

    Raises:
        LabelError: if the shapes differ.
    """
    return _where_both_vary(truth, prediction, _pearson)


def ccc(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return Lin's concordance correlation of each column, with population (1/n) moments.

    Args:
        truth: (clips, targets).
        prediction: (clips, targets).

    Returns:
        (targets,) in [-1, 1]; NaN where a column is constant or there are fewer than two clips.

    Raises:
        LabelError: if the shapes differ.
    """
    return _where_both_vary(truth, prediction, _ccc)


def spearman(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return Spearman's rank correlation of each column; ties share their mean rank.

    Args:
        truth: (clips, targets).
        prediction: (clips, targets).

    Returns:
        (targets,) in [-1, 1]; NaN where a column is constant or there are fewer than two clips.

    Raises:
        LabelError: if the shapes differ.
    """
    return _where_both_vary(truth, prediction, _spearman)


def mae(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return the mean absolute error of each column, in the labels' unit; defined for constant columns too.

    Raises:
        LabelError: if the shapes differ.
    """
    truth, prediction = _columns(truth, prediction)
    if not len(truth):
        return np.full(truth.shape[1], np.nan)
    return np.asarray(np.abs(truth - prediction).mean(0), dtype=np.float64)


METRICS: Mapping[str, Callable[[npt.ArrayLike, npt.ArrayLike], FloatArray]] = {
    "pearson": pearson,
    "ccc": ccc,
    "spearman": spearman,
    "mae": mae,
}


def mean_over(values: FloatArray) -> float:
    """Return the mean over emotions: NaN if any of them is undefined."""
    return float(values.mean())


def score_all(truth: npt.ArrayLike, prediction: npt.ArrayLike, names: Sequence[str]) -> dict[str, Any]:
    """Return every metric as ``{metric: {"mean": x, "per_target": {name: x}}}``; undefined values are NaN."""
    scores = {}
    for metric, function in METRICS.items():
        values = function(truth, prediction)
        per_target = {name: float(value) for name, value in zip(names, values, strict=True)}
        scores[metric] = {"mean": mean_over(values), "per_target": per_target}
    return scores


def shown(value: float | None) -> str:
    """Return a score as people read it: three decimals, or "undefined"."""
    return "undefined" if value is None or np.isnan(value) else f"{value:.3f}"


def score_table(scores: Mapping[str, Any], names: Sequence[str], first: str = "pearson") -> str:
    """Return the scores of ``score_all`` as an aligned text table, the metric that counts first.

    Rows are the mean, then each emotion.
    """
    scores = {metric: scores[metric] for metric in [first, *(name for name in scores if name != first)]}
    width = max(len(name) for name in [*names, "mean"])
    rows = [("mean", [column["mean"] for column in scores.values()])]
    rows += [(name, [column["per_target"][name] for column in scores.values()]) for name in names]
    lines = [" " * width + "".join(f"{metric:>11}" for metric in scores)]
    lines += [
        f"{name:<{width}}" + "".join(f"{shown(value):>11}" for value in values) for name, values in rows
    ]
    return "\n".join(lines)


def _columns(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    one, two = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 2:
        raise LabelError(
            f"truth has shape {one.shape}, prediction {two.shape}; both must be (clips, targets)"
        )
    return one, two


def _varies(columns: FloatArray) -> npt.NDArray[np.bool_]:
    if len(columns) < 2:
        return np.zeros(columns.shape[1], dtype=np.bool_)
    return np.asarray(np.ptp(columns, axis=0) > CONSTANT * np.abs(columns).max(0), dtype=np.bool_)


def _where_both_vary(
    truth: npt.ArrayLike, prediction: npt.ArrayLike, score: Callable[[FloatArray, FloatArray], FloatArray]
) -> FloatArray:
    """Return the score of each column; NaN where one of the two is constant, and ``score`` undefined."""
    one, two = _columns(truth, prediction)
    at = _varies(one) & _varies(two)
    values = np.full(len(at), np.nan)
    if at.any():
        values[at] = score(one[:, at], two[:, at])
    return values


def _pearson(one: FloatArray, two: FloatArray) -> FloatArray:
    one, two = one - one.mean(0), two - two.mean(0)
    # Scaled to length 1 first: products of tiny deviations would underflow to 0 / 0.
    one, two = one / np.linalg.norm(one, axis=0), two / np.linalg.norm(two, axis=0)
    return np.asarray(np.clip((one * two).sum(0), -1.0, 1.0), dtype=np.float64)


def _ccc(one: FloatArray, two: FloatArray) -> FloatArray:
    shared = ((one - one.mean(0)) * (two - two.mean(0))).mean(0)
    total = one.var(0) + two.var(0) + (one.mean(0) - two.mean(0)) ** 2
    return np.asarray(2 * shared / total, dtype=np.float64)


def _spearman(one: FloatArray, two: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return _pearson(rankdata(one, axis=0), rankdata(two, axis=0))
