"""Scores over targets: each over the clips that have its label, and the mean over the targets that have any."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from train.labels.classes import is_one_hot
from train.labels.missing import alike, labelled
from train.scores.registry import METRICS, traits_of

FloatArray = npt.NDArray[np.float64]
Score = Callable[[npt.ArrayLike, npt.ArrayLike], FloatArray]


def metrics_of(truth: FloatArray) -> list[str]:
    """Return the names of the metrics for labels (clips, targets): those of classes only where they are such."""
    classes = is_one_hot(truth)
    return [metric for metric in METRICS if classes or not traits_of(metric).of_classes]


def scores_of(score: Score, truth: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return a metric's score (targets,) of each target, over the clips that have its label; NaN if none has.

    Args:
        score: the metric's own function.
        truth: (clips, targets), NaN where a label is missing.
        prediction: (clips, targets).
    """
    if not np.isnan(truth).any():
        return score(truth, prediction)
    values = np.full(truth.shape[1], np.nan)
    for targets, clips in alike(truth):
        if clips.any():
            where = np.ix_(clips, targets)
            values[targets] = score(truth[where], prediction[where])
    return values


def mean_of(values: FloatArray, truth: FloatArray) -> float:
    """Return the mean of scores (targets,) over the targets of which any clip of ``truth`` has a label.

    NaN if a score of those is undefined, or there is no such target.
    """
    some = labelled(truth)
    if some.all():
        return float(values.mean())
    return float(values[some].mean()) if some.any() else float("nan")


def mean_score(score: Score, truth: FloatArray, prediction: FloatArray) -> float:
    """Return the mean over targets of a metric's scores; arguments as of :func:`scores_of`."""
    return mean_of(scores_of(score, truth, prediction), truth)
