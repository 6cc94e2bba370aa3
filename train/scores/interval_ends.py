"""Ends of an interval: from sorted draws (BCa), or from scores with speakers left out (Student's t)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

FloatArray = npt.NDArray[np.float64]
LEVEL = 0.95


class Ends(NamedTuple):
    """Lower and upper end of an interval, and how they were found."""

    low: float
    high: float
    method: str


class Jackknife:
    """What leave-one-out values say about an estimate: of speakers, and of the seeds of either row.

    The p-value of a difference comes from here and not from the percentiles of the draws, whose far tails
    Holm's correction would lean on: in 1,000 simulated tables of 12 equal rows (ICC .3) inverting the BCa
    interval found a difference in 6.3 %, Student's t in 4.4 %.
    """

    def __init__(self, *samples: FloatArray) -> None:
        samples = tuple(values for values in samples if len(values) > 1)
        influence = [(len(values) - 1) * (values.mean() - values) for values in samples]
        sizes = [len(values) for values in samples]
        squares = sum(float((each**2).sum()) / n**2 for each, n in zip(influence, sizes, strict=True))
        cubes = sum(float((each**3).sum()) / n**3 for each, n in zip(influence, sizes, strict=True))
        self.acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0 * squares
        # Variances of the estimate, and their degrees of freedom.
        self._parts = [
            (float((u**2).sum()) / n / (n - 1), n - 1) for u, n in zip(influence, sizes, strict=True)
        ]

    def p_value(self, estimate: float) -> float:
        """Return the two-sided p-value of an estimate; NaN if undefined."""
        if np.isnan(estimate) or np.isnan(self._variance) or not self._parts:
            return np.nan
        if self._variance == 0:
            return 1.0 if estimate == 0 else 0.0
        return 2 * float(stdtr(self._freedom, -abs(estimate) / np.sqrt(self._variance)))

    def interval(self, estimate: float) -> Ends:
        """Return Student's t interval of an estimate, for few speakers: their draws are too much alike."""
        if np.isnan(estimate) or np.isnan(self._variance) or not self._parts:
            return Ends(np.nan, np.nan, "none")
        arm = 0.0
        if self._variance > 0:
            arm = float(stdtrit(self._freedom, (1 + LEVEL) / 2) * np.sqrt(self._variance))
        return Ends(estimate - arm, estimate + arm, "Student's t")

    @property
    def _variance(self) -> float:
        return sum(part for part, _ in self._parts)

    @property
    def _freedom(self) -> float:
        """Degrees of freedom after Satterthwaite."""
        return self._variance**2 / sum(part**2 / degrees for part, degrees in self._parts)


def bca_ends(estimate: float, draws: FloatArray, acceleration: float) -> Ends:
    """Return the ends of Efron's BCa interval from sorted draws (Efron and Tibshirani 1993, ch. 14).

    The percentiles are moved by the median bias of the draws and by the acceleration, the rate at which the
    standard error changes with the score: correlations need both.
    """
    if draws[0] == draws[-1]:  # nothing varies: a perfect or an impossible prediction
        return Ends(draws[0], draws[0], "BCa")
    bias, method = float(ndtri(_share_below(draws, estimate))), "BCa"
    tail = float(ndtri((1 - LEVEL) / 2))
    if not min(1 - acceleration * (bias + end) for end in (tail, -tail)) > 0:  # one speaker decides all
        bias, acceleration, method = 0.0, 0.0, "percentile"
    moved = bias + np.array([tail, -tail])
    low, high = np.quantile(draws, ndtr(bias + moved / (1 - acceleration * moved)))
    return Ends(float(low), float(high), method)


def _share_below(draws: FloatArray, value: float) -> float:
    """Return the share of sorted draws below ``value``, equal ones counted half, never quite 0 or 1."""
    below = (np.searchsorted(draws, value, "left") + np.searchsorted(draws, value, "right")) / 2
    return float(np.clip(below, 0.5, len(draws) - 0.5) / len(draws))
