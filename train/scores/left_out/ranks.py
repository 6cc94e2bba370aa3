"""Spearman without each speaker: the clips of the others are ranked anew.

The ranks of all clips would be cheaper and wrong: without a speaker the other clips move up. The order of a
column never changes, though. So the mid-rank of a value is the number of clips left below it plus half of those
that share it: one running sum over a fixed order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train.scores.metrics import CONSTANT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CHUNK = 96  # speakers at a time: (clips, 96) float64 stays near the processor
BLOCK = 32  # rows whose running sums are taken side by side
SMALL = 0.001  # share of the clips up to which a speaker (or clip) is left out to first order


def spearman(truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> FloatArray:
    """Return Spearman's ρ (clusters, seeds) without each speaker, mean over emotions.

    Exact for every speaker (or clip) that is more than a thousandth of all clips, so for 1,000 of them at most. For
    a smaller one the first order in its weight does, and time does not grow with the square of the clips.

    Args:
        truth: (clips, targets).
        predictions: (seeds, clips, targets).
        cluster: (clips,) number of each clip's speaker.
    """
    ranked = _Row(truth, predictions)
    sizes = np.bincount(cluster)
    large = np.flatnonzero(sizes > SMALL * len(truth))
    without = np.empty((len(sizes), len(predictions)))
    if len(large) < len(sizes):
        without[:] = ranked.to_first_order(cluster)
    for start in range(0, len(large), CHUNK):
        some = large[start : start + CHUNK]
        without[some] = ranked.scores((cluster[:, None] != some).astype(np.float64))
    return without


class _Row:
    """The columns of one row of a table: of the labels, and of each seed's predictions."""

    def __init__(self, truth: FloatArray, predictions: FloatArray) -> None:
        self._truth = [_Column(column) for column in truth.T]
        self._predictions = [[_Column(column) for column in one.T] for one in predictions]
        self._clips = len(truth)

    def scores(self, clips: FloatArray) -> FloatArray:
        """Return the scores (sets, seeds) of sets of clips, given as ones and zeros (clips, sets)."""
        total = clips.sum(0)
        mean = np.zeros((len(self._predictions), len(total)))
        for target, truth in enumerate(self._truth):
            centred = clips * (truth.ranks(clips) - total / 2)
            spread = truth.spread(clips, total)
            for seed, columns in enumerate(self._predictions):
                other = columns[target]
                shared = other.times_ranks(centred, clips)
                scores = shared / np.sqrt(spread * other.spread(clips, total))
                mean[seed] += np.clip(scores, -1.0, 1.0)
        return mean.T / len(self._truth)

    def to_first_order(self, cluster: IntArray) -> FloatArray:
        """Return the scores (clusters, seeds) without each speaker, to first order in its weight."""
        clips = np.ones((self._clips, 1))
        scores = self.scores(clips)
        slopes = np.zeros((scores.shape[1], self._clips))
        for target, truth in enumerate(self._truth):
            for seed, columns in enumerate(self._predictions):
                slopes[seed] += _slope(truth, columns[target], clips) / len(self._truth)
        lost = [np.bincount(cluster, weights=slope) for slope in slopes]
        return np.asarray(scores - np.stack(lost, axis=1), dtype=np.float64)


class _Column:
    """One column of labels or predictions: the order of its clips, and which of them share a value."""

    def __init__(self, values: FloatArray) -> None:
        self._order = np.argsort(values, kind="stable")
        unique, self._value = np.unique(values, return_inverse=True)
        self._starts = np.searchsorted(values[self._order], unique)
        self._tied = len(unique) < len(values)
        self._varies = bool(np.ptp(values) > CONSTANT * np.abs(values).max())

    def ranks(self, clips: FloatArray) -> FloatArray:
        """Return the mid-ranks (clips, sets) within sets of clips (clips, sets)."""
        count = self._per_value(clips)
        return np.asarray((_running_sum(count) - 0.5 * count)[self._value], dtype=np.float64)

    def times_ranks(self, factor: FloatArray, clips: FloatArray) -> FloatArray:
        """Return the sum (sets,) of mid-ranks times ``factor`` (clips, sets)."""
        count, factor = self._per_value(clips), self._per_value(factor)
        half = 0.5 * np.einsum("vd,vd->d", factor, count)
        return np.asarray(np.einsum("vd,vd->d", factor, _running_sum(count)) - half, dtype=np.float64)

    def spread(self, clips: FloatArray, total: FloatArray) -> FloatArray:
        """Return the sum of squares (sets,) of the centred ranks; NaN where all clips share one value.

        Args:
            clips: (clips, sets).
            total: (sets,) their sum.
        """
        cubes = total
        if self._tied:
            count = self._per_value(clips)
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
    spreads = [float(column.spread(clips, size)[0]) for column in (one, two)]
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
