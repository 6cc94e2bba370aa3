"""Intervals as values: cut to what scores can be, and widened around their estimate."""

from __future__ import annotations

import math
from dataclasses import replace

from train.scores.estimates import Interval

INTERVAL = Interval(0.5, 0.25, 1.25, 0.95, "speaker", 8, 8.0, 1, "Student's t")


def test_an_interval_is_cut_to_what_a_score_can_be() -> None:
    assert INTERVAL.within(-1.0, 1.0) == replace(INTERVAL, high=1.0)
    assert INTERVAL.within(0.3, math.inf) == replace(INTERVAL, low=0.3)


def test_both_arms_grow_by_the_factor() -> None:
    wide = INTERVAL.widened(2.0)
    assert (wide.low, wide.estimate, wide.high) == (0.0, 0.5, 2.0)
    assert replace(wide, low=INTERVAL.low, high=INTERVAL.high) == INTERVAL
