"""The jackknife: standard error, interval and p-value of a score from its values without each speaker or seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

FloatArray = npt.NDArray[np.float64]
LEVEL = 0.95
COCHRAN = 0.25  # share of Cochran's squared arm where few seeds count; see Jackknife
LARGEST_T = 1e150  # of a quantile: its square is still a number
STUDENT = "Student's t"


class Ends(NamedTuple):
    """Lower and upper end of an interval, and how they were found."""

    low: float
    high: float
    method: str


class Part(NamedTuple):
    """One source of an estimate's variance: the speakers, or the seeds of a row.

    Attributes:
        variance: of the estimate, from this source.
        freedom: degrees of freedom of that variance.
    """

    variance: float
    freedom: float


def part_of(without: FloatArray, effective: float | None = None) -> Part:
    """Return the jackknife's variance of an estimate.

    Args:
        without: (n,) the estimate without each speaker (or seed).
        effective: how many of equal size would say as much; None if they are of equal size. Unequal speakers
            have fewer degrees of freedom than n - 1, but not as few as the effective number says: their
            geometric mean is taken.
    """
    most = len(without) - 1
    influence = most * (without.mean() - without)
    freedom = most if effective is None else max(np.sqrt(most * max(effective - 1, 0)), 1.0)
    return Part(float((influence**2).sum()) / (most + 1) / most, float(freedom))


def part_of_seeds(values: FloatArray, *without: FloatArray) -> Part:
    """Return the variance of a mean over seeds that comes from seeds alone.

    Seeds also differ because each is wrong about other clips, by chance: that is in the speakers' variance already,
    and is taken off here (crossed random effects: Owen 2007, The pigeonhole bootstrap).

    Args:
        values: (seeds,) the score of each, 2 or more.
        without: (clusters, seeds) the same without each speaker; several where the score is a sum over folds, each
            the fold's share of it without each of its speakers.
    """
    shared, seeds = 0.0, len(values)
    for each in without:
        clusters = len(each)
        influence = (clusters - 1) * (each.mean(0) - each)
        own = influence - influence.mean(1, keepdims=True)
        shared += float((own**2).sum()) / (clusters - 1) / (seeds - 1) / clusters / seeds
    return Part(max(float(values.var(ddof=1)) / seeds - shared, 0.0), seeds - 1.0)


class Jackknife:
    """What values without each speaker and without each seed say about an estimate.

    The interval is Student's t. With speakers alone its arm is t(f) · se, f after Satterthwaite. Where there
    are 3 or 5 seeds as well, Satterthwaite's f is too bold (2 degrees of freedom that seem to be many: a test
    at 5 % finds up to 7.8 %), Cochran's sum of squared arms, each with its own f, too timid (down to 2 %). Three
    parts of the former's square with one of the latter's keep 3.5 to 6.5 % for any share of the seeds. The
    p-value is the level at which the interval just reaches 0, so the two never disagree.

    Args:
        speakers: variances from speakers; several where the estimate is a mean over folds.
        seeds: variances from seeds; of either row, where these are not paired.
    """

    def __init__(self, speakers: list[Part], seeds: list[Part]) -> None:
        self._speakers, self._seeds = speakers, seeds
        self._variance = sum(part.variance for part in (*speakers, *seeds))

    def interval(self, estimate: float) -> Ends:
        """Return the interval of an estimate; without ends where it cannot be known."""
        if not self._known(estimate):
            return Ends(np.nan, np.nan, "none")
        arm = self._arm((1 - LEVEL) / 2)
        return Ends(estimate - arm, estimate + arm, STUDENT)

    def p_value(self, estimate: float) -> float:
        """Return the two-sided p-value of an estimate; NaN if it cannot be known."""
        if not self._known(estimate):
            return np.nan
        if self._variance == 0:
            return 1.0 if estimate == 0 else 0.0
        error = np.sqrt(self._variance)
        bold = 2 * float(stdtr(_freedom([*self._speakers, *self._seeds]), -abs(estimate) / error))
        if not self._seeds or bold in (0.0, 1.0):
            return bold
        from scipy.optimize import brentq  # a third of a second that only p-values with seeds need

        # Cochran's arm is hardly ever the shorter one: the tail sought is not below Satterthwaite's, or just.
        lowest = np.log(bold / 2) - 1
        log_tail = brentq(lambda log: self._arm(np.exp(log)) - abs(estimate), lowest, np.log(0.5), xtol=1e-10)
        return float(2 * np.exp(log_tail))

    def _known(self, estimate: float) -> bool:
        return bool(self._speakers) and not np.isnan(estimate) and not np.isnan(self._variance)

    def _arm(self, tail: float) -> float:
        """Return the length of an arm of the interval that leaves ``tail`` beyond either end."""
        if self._variance == 0:
            return 0.0
        every = [*self._speakers, *self._seeds]
        square = _quantile(_freedom(every), tail) ** 2 * self._variance
        if self._seeds:
            parts = [Part(sum(p.variance for p in self._speakers), _freedom(self._speakers)), *self._seeds]
            cochran = sum(_quantile(part.freedom, tail) ** 2 * part.variance for part in parts)
            square = (1 - COCHRAN) * square + COCHRAN * cochran
        return float(np.sqrt(square))


def _quantile(freedom: float, tail: float) -> float:
    """Return the t that leaves ``tail`` beyond it, at most one that can be squared: far out it is infinite."""
    found = abs(float(stdtrit(freedom, tail)))
    return found if found < LARGEST_T else LARGEST_T


def _freedom(parts: list[Part]) -> float:
    """Return the degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    weights = sum(part.variance**2 / part.freedom for part in parts)
    return sum(part.variance for part in parts) ** 2 / weights if weights > 0 else parts[0].freedom
