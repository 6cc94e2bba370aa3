"""Spearman under resampling: ranked anew in every draw.

Ranks of the whole corpus would be cheaper and wrong: they leave out that a draw changes the ranks too.
The order of a column never changes, though: a draw only repeats clips. So the mid-rank of a value is the
number of drawn clips below it plus half of those that share it: one running sum over a fixed order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train.scores.metrics import CONSTANT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CHUNK = 96  # draws at a time: (clips, 96) float64 stays near the processor
BLOCK = 32  # rows whose running sums are taken side by side


class RankScores:
    """Spearman's ρ of one row of a table for any weights of its speakers; mean over emotions."""

    def __init__(self, truth: FloatArray, predictions: FloatArray, cluster: IntArray, metric: str) -> None:
        del metric
        self._cluster = cluster
        self._truth = [_Column(column) for column in truth.T]
        self._predictions = [[_Column(column) for column in one.T] for one in predictions]

    def of_draws(self, weights: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) for whole weights (draws, clusters)."""
        parts = [self._scores(weights[start : start + CHUNK]) for start in range(0, len(weights), CHUNK)]
        return np.concatenate(parts)

    def of_left_out(self) -> FloatArray:
        """Return the scores (clusters, seeds) with one speaker left out, to first order in its weight.

        They only serve the acceleration of an interval, to which the first order contributes alone.
        """
        clips = np.ones((len(self._cluster), 1))
        scores = self._scores(np.ones((1, int(self._cluster.max()) + 1)))
        slopes = np.zeros((scores.shape[1], len(clips)))
        for target, truth in enumerate(self._truth):
            for seed, columns in enumerate(self._predictions):
                slopes[seed] += _slope(truth, columns[target], clips) / len(self._truth)
        lost = [np.bincount(self._cluster, weights=slope) for slope in slopes]
        return np.asarray(scores - np.stack(lost, axis=1), dtype=np.float64)

    def _scores(self, weights: FloatArray) -> FloatArray:
        clips = np.ascontiguousarray(weights[:, self._cluster].T)  # (clips, draws)
        total, cubes = clips.sum(0), np.einsum("nd,nd,nd->d", clips, clips, clips)
        mean = np.zeros((len(self._predictions), len(total)))
        for target, truth in enumerate(self._truth):
            weighted = clips * (truth.ranks(clips) - total / 2)
            spread = truth.spread(clips, total, cubes)
            for seed, columns in enumerate(self._predictions):
                other = columns[target]
                shared = other.times_ranks(weighted, clips)
                scores = shared / np.sqrt(spread * other.spread(clips, total, cubes))
                mean[seed] += np.clip(scores, -1.0, 1.0)
        return mean.T / len(self._truth)


class _Column:
    """One column of labels or predictions: the order of its clips, and which of them share a value."""

    def __init__(self, values: FloatArray) -> None:
        self._order = np.argsort(values, kind="stable")
        unique, self._value = np.unique(values, return_inverse=True)
        self._starts = np.searchsorted(values[self._order], unique)
        self._tied = len(unique) < len(values)
        self._varies = bool(np.ptp(values) > CONSTANT * np.abs(values).max())

    def ranks(self, weights: FloatArray) -> FloatArray:
        """Return the mid-ranks (clips, draws) for weights (clips, draws)."""
        count = self._per_value(weights)
        return np.asarray((_running_sum(count) - 0.5 * count)[self._value], dtype=np.float64)

    def times_ranks(self, factor: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the sum (draws,) of mid-ranks times ``factor`` (clips, draws)."""
        count, factor = self._per_value(weights), self._per_value(factor)
        half = 0.5 * np.einsum("vd,vd->d", factor, count)
        return np.asarray(np.einsum("vd,vd->d", factor, _running_sum(count)) - half, dtype=np.float64)

    def spread(self, weights: FloatArray, total: FloatArray, cubes: FloatArray) -> FloatArray:
        """Return the sum of squares (draws,) of the centred ranks; NaN where all clips share one value.

        Args:
            weights: (clips, draws).
            total: (draws,) their sum.
            cubes: (draws,) the sum of their cubes.
        """
        if self._tied:
            count = self._per_value(weights)
            cubes = np.einsum("vd,vd,vd->d", count, count, count)
        squares = (total**3 - cubes) / 12  # whole numbers below 2^53: all tied leaves exactly 0
        return np.where(self._varies & (squares > 0), squares, np.nan)

    def shared_above(self, factor: FloatArray) -> FloatArray:
        """Return, for each clip, the sum of ``factor`` (clips, 1) above its value and half of that at it."""
        at = self._per_value(factor)
        above = at.sum(0) - _running_sum(at)
        return np.asarray((above + 0.5 * at)[self._value, 0], dtype=np.float64)

    def shared_with(self) -> FloatArray:
        """Return the number (clips,) of clips that share each clip's value."""
        return np.bincount(self._value)[self._value].astype(np.float64)

    def _per_value(self, rows: FloatArray) -> FloatArray:
        ordered = np.take(rows, self._order, axis=0)
        return np.add.reduceat(ordered, self._starts, axis=0) if self._tied else ordered


def _slope(one: _Column, two: _Column, clips: FloatArray) -> FloatArray:
    """Return the derivative (clips,) of ρ by the weight of each clip, all weights (clips, 1) being 1."""
    total = float(len(clips))
    size = np.array([total])
    first, second = one.ranks(clips), two.ranks(clips)
    spreads = [float(column.spread(clips, size, size)[0]) for column in (one, two)]
    shared = float((first * second).sum()) - total**3 / 4
    by_shared = (first * second)[:, 0] + one.shared_above(second) + two.shared_above(first) - 0.75 * total**2
    by_spread = [(total**2 - column.shared_with() ** 2) / 4 for column in (one, two)]
    norm = np.sqrt(spreads[0] * spreads[1])
    relative = by_spread[0] / spreads[0] + by_spread[1] / spreads[1]
    return np.asarray((by_shared - shared * relative / 2) / norm, dtype=np.float64)


def _running_sum(rows: FloatArray) -> FloatArray:
    """Return ``np.cumsum(rows, axis=0)``, in a fifth of its time: many blocks of rows at once."""
    blocks = -(-len(rows) // BLOCK)
    out = np.zeros((blocks, BLOCK, rows.shape[1]))
    out.reshape(-1, rows.shape[1])[: len(rows)] = rows
    for row in range(1, BLOCK):
        out[:, row] += out[:, row - 1]
    out[1:] += np.cumsum(out[:-1, -1], axis=0)[:, None]
    return out.reshape(-1, rows.shape[1])[: len(rows)]
