"""The metrics themselves: scores of predictions against labels, for each emotion.

Each takes labels and predictions, both (clips, targets), and returns the scores (targets,) of their columns; it
raises a ``LabelError`` if the shapes differ. A constant column has no correlation: its score is NaN, shown as
"undefined", and so is the mean then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors import LabelError
from train.scores.registry import METRICS
from train.scores.targets import mean_of, metrics_of, scores_of

FloatArray = npt.NDArray[np.float64]
Metric = Callable[[npt.ArrayLike, npt.ArrayLike], FloatArray]

# A column counts as constant when it varies by no more than what float32 arithmetic leaves behind:
# one and the same prediction differs in its last bits from batch to batch.
CONSTANT = 1e-6


def where_both_vary(score: Callable[[FloatArray, FloatArray], FloatArray]) -> Metric:
    """Make a metric of a function of columns that vary; NaN where one of the two is constant.

    Fewer than two clips count as constant too. What is made raises a ``LabelError`` if the shapes differ.
    """

    @functools.wraps(score)
    def metric(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
        one, two = as_columns(truth, prediction)
        at = _varies(one) & _varies(two)
        values = np.full(len(at), np.nan)
        if at.any():
            values[at] = score(one[:, at], two[:, at])
        return values

    return metric


@where_both_vary
def pearson(truth: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return Pearson's correlation (targets,) of each column, in [-1, 1]; NaN where one is constant."""
    return _correlation(truth, prediction)


@where_both_vary
def ccc(truth: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return Lin's concordance correlation (targets,) of each column, with population (1/n) moments.

    It lies in [-1, 1]; NaN where a column is constant.
    """
    shared = ((truth - truth.mean(0)) * (prediction - prediction.mean(0))).mean(0)
    total = truth.var(0) + prediction.var(0) + (truth.mean(0) - prediction.mean(0)) ** 2
    return np.asarray(2 * shared / total, dtype=np.float64)


@where_both_vary
def spearman(truth: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return Spearman's rank correlation (targets,) of each column; ties share their mean rank.

    It lies in [-1, 1]; NaN where a column is constant.
    """
    from scipy.stats import rankdata

    return _correlation(rankdata(truth, axis=0), rankdata(prediction, axis=0))


def mae(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return the mean absolute error (targets,) of each column, in the labels' unit; NaN without clips."""
    one, two = as_columns(truth, prediction)
    if not len(one):
        return np.full(one.shape[1], np.nan)
    return np.asarray(np.abs(one - two).mean(0), dtype=np.float64)


def score_all(truth: npt.ArrayLike, prediction: npt.ArrayLike, names: Sequence[str]) -> dict[str, Any]:
    """Return every metric as ``{metric: {"mean": x, "per_target": {name: x}}}``; undefined values are NaN.

    Metrics of classes are there only where the targets are classes.
    """
    one, two = as_columns(truth, prediction)
    scores = {}
    for metric in metrics_of(one):
        values = scores_of(METRICS.get(metric), one, two)
        per_target = {name: float(value) for name, value in zip(names, values, strict=True)}
        scores[metric] = {"mean": mean_of(values, one), "per_target": per_target}
    return scores


def as_columns(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return labels and predictions as float64, both (clips, targets).

    Raises:
        LabelError: if the shapes differ.
    """
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


def _correlation(one: FloatArray, two: FloatArray) -> FloatArray:
    one, two = one - one.mean(0), two - two.mean(0)
    # Scaled to length 1 first: products of tiny deviations would underflow to 0 / 0.
    one, two = one / np.linalg.norm(one, axis=0), two / np.linalg.norm(two, axis=0)
    return np.asarray(np.clip((one * two).sum(0), -1.0, 1.0), dtype=np.float64)
