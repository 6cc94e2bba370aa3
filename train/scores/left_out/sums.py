"""Pearson, ccc and mae without each speaker: the sums over all clips less those over the speaker's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.scores.metrics import CONSTANT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class _Moments(NamedTuple):
    """Moments of centred and scaled columns without each speaker.

    Attributes:
        first: (clusters, 1 + seeds, targets) means of labels, then of each seed's predictions.
        variance: the same of variances; NaN where a column is constant.
        shared: (clusters, seeds, targets) covariances of labels and predictions.
        location: (1 + seeds, targets) what was taken off.
        scale: (1 + seeds, targets) what was divided by.
    """

    first: FloatArray
    variance: FloatArray
    shared: FloatArray
    location: FloatArray
    scale: FloatArray


def mae(truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> FloatArray:
    """Return the mean absolute error (clusters, seeds) without each speaker, mean over emotions.

    Args:
        truth: (clips, targets).
        predictions: (seeds, clips, targets).
        cluster: (clips,) number of each clip's speaker.
    """
    return _means_without(np.abs(predictions - truth).mean(2).T, cluster)


def pearson(truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> FloatArray:
    """Return Pearson's correlation (clusters, seeds) without each speaker; arguments as of :func:`mae`."""
    moments = _moments(truth, predictions, cluster)
    spread = np.sqrt(moments.variance[:, :1] * moments.variance[:, 1:])
    return np.asarray(np.clip(moments.shared / spread, -1.0, 1.0).mean(2))


def ccc(truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> FloatArray:
    """Return Lin's concordance correlation (clusters, seeds) without each speaker; arguments as of :func:`mae`."""
    first, variance, shared, location, scale = _moments(truth, predictions, cluster)
    spread, middle = variance * scale**2, first * scale + location
    distance = (middle[:, :1] - middle[:, 1:]) ** 2
    scores = 2 * shared * scale[:1] * scale[1:] / (spread[:, :1] + spread[:, 1:] + distance)
    return np.asarray(scores.mean(2))


def _moments(truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> _Moments:
    """Return moments from sums, squares and products; scaled first, so that variances do not drown in rounding."""
    columns = np.concatenate([truth[None], predictions])  # (1 + seeds, clips, targets)
    location, spread, largest = columns.mean(1), columns.std(1), np.abs(columns).max(1)
    varies = np.ptp(columns, axis=1) > CONSTANT * largest
    scale = np.where(varies, spread, 1.0)
    scaled = (columns - location[:, None]) / scale[:, None]
    # Sums of the labels come once, those that involve predictions once per seed.
    parts = (scaled, scaled**2, scaled[:1] * scaled[1:])
    rows = np.concatenate([part.transpose(0, 2, 1).reshape(-1, len(truth)) for part in parts]).T
    means = _means_without(rows, cluster).reshape(int(cluster.max()) + 1, -1, truth.shape[1])
    first, square, product = np.split(means, [len(columns), 2 * len(columns)], axis=1)
    # The variance, after scaling, up to which a column counts as constant.
    smallest = np.where(varies, (CONSTANT * largest / scale) ** 2, np.inf)
    variance = square - first**2
    variance = np.where(variance > smallest, variance, np.nan)
    return _Moments(first, variance, product - first[:, :1] * first[:, 1:], location, scale)


def _means_without(rows: FloatArray, cluster: IntArray) -> FloatArray:
    """Return the means (clusters, values) of rows (clips, values) without each cluster; NaN of no rows."""
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(int(cluster.max()) + 1))
    sums = np.add.reduceat(rows[order], starts, axis=0)
    left = (len(rows) - np.bincount(cluster))[:, None]
    rest = sums.sum(0) - sums
    return np.asarray(np.divide(rest, left, out=np.full_like(rest, np.nan), where=left > 0))
