"""Values of the statistics: a score with its interval, and a paired difference of two scores."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Interval:
    """A score and where it lies.

    Attributes:
        estimate: on all clips; NaN if undefined.
        low: lower end; NaN if undefined.
        high: upper end; NaN if undefined.
        level: of confidence, not corrected for the number of intervals shown.
        by: what belongs together: "speaker", or "clip" where speakers are unknown.
        clusters: how many of them there are.
        effective: how many of equal size would say as much, (Σn)² / Σn² with n clips each.
        seeds: how many seeds the estimate is the mean of.
        method: "Student's t", or "none".
        warnings: why not to believe it too much.
    """

    estimate: float
    low: float
    high: float
    level: float
    by: str
    clusters: int
    effective: float
    seeds: int
    method: str
    warnings: tuple[str, ...] = ()

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the interval without values that no score can have; few speakers reach beyond them."""
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))

    def widened(self, factor: float) -> Interval:
        """Return the interval with both arms ``factor`` times as long, as by ``intervals.assumed_icc``."""
        low = self.estimate - factor * (self.estimate - self.low)
        high = self.estimate + factor * (self.high - self.estimate)
        return replace(self, low=low, high=high)


@dataclass(frozen=True)
class Difference:
    """A paired difference of two rows on the same clips.

    Attributes:
        interval: of ours less theirs.
        p_value: two-sided, the level at which the interval just reaches 0; not corrected (``holm`` does that
            for a family); NaN if undefined.
    """

    interval: Interval
    p_value: float
