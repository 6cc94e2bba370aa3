"""Ends of intervals: BCa by its textbook case, Student's t against scipy, nothing where nothing is defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from train.scores.interval_ends import Jackknife, bca_ends


def test_without_bias_and_acceleration_bca_is_the_percentile_interval() -> None:
    draws = np.sort(np.linspace(-1, 1, 2001))
    ends = bca_ends(0.0, draws, 0.0)
    assert (ends.low, ends.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=1e-9)
    assert ends.method == "BCa"


def test_bias_moves_both_ends_up_and_acceleration_is_dropped_where_it_breaks_down() -> None:
    draws = np.sort(np.random.default_rng(0).standard_normal(2000))
    low, high, _ = bca_ends(0.0, draws, 0.0)
    moved = bca_ends(0.5, draws, 0.0)
    assert moved.low > low
    assert moved.high > high
    broken = bca_ends(0.5, draws, 10.0)
    assert broken.method == "percentile"
    assert (broken.low, broken.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    assert bca_ends(1.0, np.ones(10), 0.0) == (1.0, 1.0, "BCa")


def test_the_jackknife_of_a_mean_is_students_t() -> None:
    values = np.random.default_rng(1).standard_normal(12) + 0.5
    left_out = (values.sum() - values) / (len(values) - 1)
    jackknife = Jackknife(left_out)
    expected = stats.ttest_1samp(values, 0.0)
    assert jackknife.p_value(float(values.mean())) == pytest.approx(expected.pvalue)
    ends = jackknife.interval(float(values.mean()))
    theirs = expected.confidence_interval(0.95)
    assert (ends.low, ends.high) == pytest.approx((theirs.low, theirs.high))
    assert ends.method == "Student's t"


def test_two_samples_add_their_variances_with_satterthwaites_freedom() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.standard_normal(8), 3 * rng.standard_normal(15)
    left_out = [(each.sum() - each) / (len(each) - 1) for each in (one, two)]
    found = Jackknife(left_out[0], -left_out[1]).p_value(float(one.mean() - two.mean()))
    assert found == pytest.approx(stats.ttest_ind(one, two, equal_var=False).pvalue)


def test_nothing_is_said_of_what_is_undefined() -> None:
    for jackknife in (Jackknife(), Jackknife(np.array([0.3])), Jackknife(np.array([0.3, math.nan]))):
        assert math.isnan(jackknife.p_value(0.3))
        assert jackknife.interval(0.3).method == "none"
    same = Jackknife(np.array([0.3, 0.3]))
    assert (same.p_value(0.0), same.p_value(0.3)) == (1.0, 0.0)
    assert same.interval(0.3) == (0.3, 0.3, "Student's t")
