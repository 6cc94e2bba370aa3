"""Any metric under resampling: the clips of every draw are written out and scored anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train.scores.registry import METRICS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class RowScores:
    """A metric of one row of a table for whole weights of its speakers; mean over emotions."""

    def __init__(self, truth: FloatArray, predictions: FloatArray, cluster: IntArray, metric: str) -> None:
        self._score = METRICS.get(metric)
        self._truth, self._predictions, self._cluster = truth, predictions, cluster

    def of_draws(self, weights: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) for whole weights (draws, clusters)."""
        return np.array([self._of_draw(draw) for draw in weights])

    def of_left_out(self) -> FloatArray:
        """Return the scores (clusters, seeds) with one speaker left out."""
        clusters = int(self._cluster.max()) + 1
        return self.of_draws(1.0 - np.eye(clusters))

    def _of_draw(self, weights: FloatArray) -> FloatArray:
        times = weights[self._cluster].astype(np.int64)
        rows = np.repeat(np.arange(len(self._truth)), times)
        if not len(rows):
            return np.full(len(self._predictions), np.nan)
        return np.array([self._score(self._truth[rows], one[rows]).mean() for one in self._predictions])
