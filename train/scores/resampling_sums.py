"""Pearson, ccc and mae under resampling: from sums per speaker, so that all draws are one matrix product."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from train.scores.metrics import CONSTANT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class _Sums(ABC):
    """Sums per speaker from which the scores of any draw follow.

    Args:
        rows: (clips, values) what is added up; the first column is 1.
        cluster: (clips,) index of each clip's speaker.
    """

    def __init__(self, rows: FloatArray, cluster: IntArray) -> None:
        order = np.argsort(cluster, kind="stable")
        starts = np.searchsorted(cluster[order], np.arange(int(cluster.max()) + 1))
        self._values = np.asarray(np.add.reduceat(rows[order], starts, axis=0), dtype=np.float64)

    def of_draws(self, weights: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) for weights (draws, clusters)."""
        return self._scores(weights @ self._values)

    def of_left_out(self) -> FloatArray:
        """Return the scores (clusters, seeds) with one speaker left out."""
        return self._scores(self._values.sum(0) - self._values)

    def _scores(self, sums: FloatArray) -> FloatArray:
        total = sums[:, :1]
        means = np.divide(sums[:, 1:], total, out=np.full_like(sums[:, 1:], np.nan), where=total > 0)
        return self._of_means(means)

    @abstractmethod
    def _of_means(self, means: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) that follow from means (draws, values - 1) over clips."""


class ErrorSums(_Sums):
    """Mean absolute error of one row of a table for any weights of its speakers; mean over emotions."""

    def __init__(self, truth: FloatArray, predictions: FloatArray, cluster: IntArray, metric: str) -> None:
        del metric
        ones = np.ones((1, len(truth)))
        super().__init__(np.concatenate([ones, np.abs(predictions - truth).mean(2)]).T, cluster)

    def _of_means(self, means: FloatArray) -> FloatArray:
        return means


class _MomentSums(_Sums):
    """Sums, squares and products, from which variances and covariances of any draw follow.

    Columns are centred and scaled first, so that variances do not drown in rounding.
    """

    def __init__(self, truth: FloatArray, predictions: FloatArray, cluster: IntArray, metric: str) -> None:
        del metric
        columns = np.concatenate([truth[None], predictions])  # (1 + seeds, clips, targets)
        location, spread = columns.mean(1), columns.std(1)
        largest = np.abs(columns).max(1)
        varies = np.ptp(columns, axis=1) > CONSTANT * largest
        scale = np.where(varies, spread, 1.0)
        scaled = (columns - location[:, None]) / scale[:, None]
        # Sums of the labels come once, those that involve predictions once per seed.
        parts = (scaled, scaled**2, scaled[:1] * scaled[1:])
        flat = [part.transpose(0, 2, 1).reshape(-1, len(truth)) for part in parts]
        super().__init__(np.concatenate([np.ones((1, len(truth))), *flat]).T, cluster)
        self._columns, self._targets = 1 + len(predictions), truth.shape[1]
        self._location, self._scale = location, scale
        # The variance, after scaling, up to which a column counts as constant.
        self._smallest = np.where(varies, (CONSTANT * largest / scale) ** 2, np.inf)

    def _of_means(self, means: FloatArray) -> FloatArray:
        moments = means.reshape(len(means), -1, self._targets)
        first, square, product = np.split(moments, [self._columns, 2 * self._columns], axis=1)
        variance = square - first**2  # (draws, 1 + seeds, targets): labels, then each seed
        variance = np.where(variance > self._smallest, variance, np.nan)
        shared = product - first[:, :1] * first[:, 1:]
        return np.asarray(self._correlations(first, variance, shared).mean(2))

    @abstractmethod
    def _correlations(self, first: FloatArray, variance: FloatArray, shared: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds, targets) of scaled columns.

        Args:
            first: (draws, 1 + seeds, targets) means of labels, then of each seed.
            variance: the same of variances; NaN where a column is constant.
            shared: (draws, seeds, targets) covariances of labels and seeds.
        """


class PearsonSums(_MomentSums):
    """Pearson's correlation of one row of a table for any weights of its speakers; mean over emotions."""

    def _correlations(self, first: FloatArray, variance: FloatArray, shared: FloatArray) -> FloatArray:
        del first
        return np.clip(shared / np.sqrt(variance[:, :1] * variance[:, 1:]), -1.0, 1.0)


class CccSums(_MomentSums):
    """Lin's concordance correlation of one row of a table for any weights of its speakers."""

    def _correlations(self, first: FloatArray, variance: FloatArray, shared: FloatArray) -> FloatArray:
        spread, middle = variance * self._scale**2, first * self._scale + self._location
        distance = (middle[:, :1] - middle[:, 1:]) ** 2
        scale = self._scale
        scores = 2 * shared * scale[:1] * scale[1:] / (spread[:, :1] + spread[:, 1:] + distance)
        return np.asarray(scores)
