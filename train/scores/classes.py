"""Metrics of classes: recall and F1 of each, whose means are the unweighted average recall and macro F1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train.labels.classes import is_one_hot
from train.scores.metrics import as_columns

FloatArray = npt.NDArray[np.float64]


def recall(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return the recall (targets,) of each class: the share of its clips for which it is predicted highest.

    NaN for a class of no clip, and where the labels are no classes. Its mean is the UAR.
    """
    counts = confusion(truth, prediction)
    if counts is None:
        return np.full(np.shape(truth)[1], np.nan)
    return _ratio(np.diag(counts), counts.sum(1))


def f1(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return the F1 (targets,) of each class: the harmonic mean of its recall and its precision.

    0 for a class that is never predicted; NaN for a class of no clip, and where the labels are no classes.
    """
    counts = confusion(truth, prediction)
    if counts is None:
        return np.full(np.shape(truth)[1], np.nan)
    clips = counts.sum(1)
    return np.where(clips > 0, _ratio(2 * np.diag(counts), clips + counts.sum(0)), np.nan)


def confusion(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray | None:
    """Return how many clips of each class (rows) were taken for each class (columns); None if there are none.

    The class of the highest prediction counts, the first of equals.

    Raises:
        LabelError: if the shapes differ.
    """
    one, two = as_columns(truth, prediction)
    if not is_one_hot(one):
        return None
    there = ~np.isnan(one).all(1)
    counts = np.zeros((one.shape[1], one.shape[1]))
    np.add.at(counts, (one[there].argmax(1), two[there].argmax(1)), 1.0)
    return counts


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))
