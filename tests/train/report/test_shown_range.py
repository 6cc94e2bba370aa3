"""The range of an axis: one absurd interval does not stretch it, and every estimate is in it."""

from __future__ import annotations

import numpy as np
import pytest

from train.report.shown_range import shown_range

NAN = float("nan")


@pytest.mark.parametrize(
    ("estimates", "lows", "highs", "expected"),
    [
        ([0.5, 0.4], [0.4, 0.3], [0.6, 0.5], (0.3, 0.6)),
        ([0.5, 0.4, 0.45], [0.4, -0.71, 0.35], [0.6, 1.0, 0.55], (0.35, 0.6)),
        ([0.5, 0.1], [0.4, -0.9], [0.6, 1.0], (0.1, 0.6)),  # of two, the narrower is the usual one
        ([0.5, 0.4], [-0.7, -0.8], [1.0, 1.0], (-0.8, 1.0)),  # all are wide
        ([0.5], [-0.7], [1.0], (-0.7, 1.0)),
        ([0.5, NAN, 0.2], [NAN, NAN, 0.1], [NAN, NAN, 0.3], (0.1, 0.5)),
        ([0.5, 0.2], [0.5, 0.1], [0.5, 0.3], (0.1, 0.5)),  # no width is none to go by
        ([0.0, 1.0, 0.9], [-0.05, 0.95, 0.6], [0.05, 1.05, 1.2], (-0.05, 1.2)),  # hardly any room is won
        ([0.5, 0.9], [NAN, NAN], [NAN, NAN], (0.5, 0.9)),
    ],
)
def test_what_most_rows_need_is_shown(estimates, lows, highs, expected):
    assert shown_range(estimates, lows, highs) == pytest.approx(expected)


def test_further_values_are_shown_and_nothing_has_no_range():
    assert shown_range([0.5], [0.4], [0.6], [0.0]) == (0.0, 0.6)
    assert shown_range([NAN], [NAN], [NAN]) is None
    assert shown_range([], [], [], [0.0]) == (0.0, 0.0)


def test_every_estimate_is_in_it_whatever_the_intervals():
    rng = np.random.default_rng(0)
    for _ in range(200):
        estimates = rng.uniform(-1, 1, 5)
        lows, highs = estimates - rng.exponential(0.5, 5) ** 3, estimates + rng.exponential(0.5, 5) ** 3
        low, high = shown_range(estimates, lows, highs)
        assert low <= estimates.min()
        assert estimates.max() <= high
