"""The jackknife: Student's t against scipy, few seeds, and nothing where nothing is defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from train.scores.jackknife import Jackknife, Part, part_of, part_of_seeds


def without_each(values):
    return (values.sum() - values) / (len(values) - 1)


def test_the_jackknife_of_a_mean_is_students_t() -> None:
    values = np.random.default_rng(1).standard_normal(12) + 0.5
    jackknife = Jackknife([part_of(without_each(values))], [])
    expected = stats.ttest_1samp(values, 0.0)
    assert jackknife.p_value(float(values.mean())) == pytest.approx(expected.pvalue)
    ends = jackknife.interval(float(values.mean()))
    theirs = expected.confidence_interval(0.95)
    assert (ends.low, ends.high) == pytest.approx((theirs.low, theirs.high))
    assert ends.method == "Student's t"


def test_two_samples_of_speakers_add_with_satterthwaites_freedom() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.standard_normal(8), 3 * rng.standard_normal(15)
    parts = [part_of(without_each(one)), part_of(-without_each(two))]
    found = Jackknife(parts, []).p_value(float(one.mean() - two.mean()))
    assert found == pytest.approx(stats.ttest_ind(one, two, equal_var=False).pvalue)


def test_unequal_speakers_have_the_geometric_mean_of_both_freedoms() -> None:
    without = np.random.default_rng(0).standard_normal(17)
    assert part_of(without).freedom == 16
    assert part_of(without, 5.0).freedom == pytest.approx(8)
    assert part_of(without, 1.0).freedom == 1
    assert part_of(without, 5.0).variance == part_of(without).variance


def test_what_seeds_get_wrong_by_chance_counts_once() -> None:
    """Speakers × seeds with known variances: the parts add to the variance of the mean, without counting twice."""
    rng = np.random.default_rng(0)
    totals, naive, means = [], [], []
    for _ in range(2000):
        table = (
            0.3 * rng.standard_normal((1, 4))
            + rng.standard_normal((10, 1))
            + 2 * rng.standard_normal((10, 4))
        )
        without = (table.sum(0) - table) / 9
        seeds = part_of_seeds(table.mean(0), without)
        speakers = part_of(without.mean(1))
        totals.append(speakers.variance + seeds.variance)
        naive.append(speakers.variance + table.mean(0).var(ddof=1) / 4)
        means.append(table.mean())
        assert seeds.freedom == 3
        assert seeds.variance >= 0
    true = 0.3**2 / 4 + 1 / 10 + 4 / 40
    assert np.var(means) == pytest.approx(true, rel=0.1)
    assert true < np.mean(totals) < 1.15 * true  # above it, as a variance cannot be negative
    assert np.mean(naive) > 1.3 * true


def test_with_seeds_the_arm_lies_between_satterthwaites_and_cochrans() -> None:
    speakers, seeds = Part(1.0, 100.0), Part(1.0, 2.0)
    arm = Jackknife([speakers], [seeds]).interval(0.0).high
    freedom = 4 / (1 / 100 + 1 / 2)
    satterthwaite = stats.t.ppf(0.975, freedom) ** 2 * 2
    cochran = stats.t.ppf(0.975, 100) ** 2 + stats.t.ppf(0.975, 2) ** 2
    assert arm**2 == pytest.approx(0.75 * satterthwaite + 0.25 * cochran)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seeds", [3, 5])
def test_a_test_at_5_percent_keeps_its_level_for_any_share_of_the_seeds(seeds, share) -> None:
    """Normal estimate, chi-squared variances: 20,000 draws, so ± 0.5 % at three standard errors."""
    rng = np.random.default_rng(int(100 * share) + seeds)
    estimates = rng.standard_normal(20_000)
    one = (1 - share) * rng.chisquare(29, 20_000) / 29
    two = share * rng.chisquare(seeds - 1, 20_000) / (seeds - 1)
    rejected = [
        not low <= 0 <= high
        for low, high, _ in (
            Jackknife([Part(a, 29.0)], [Part(b, seeds - 1.0)]).interval(estimate)
            for estimate, a, b in zip(estimates.tolist(), one.tolist(), two.tolist(), strict=True)
        )
    ]
    assert 0.030 < np.mean(rejected) < 0.068


@pytest.mark.parametrize("seeds", [[], [Part(0.5, 2.0)], [Part(0.1, 4.0), Part(3.0, 2.0)]])
def test_the_p_value_is_the_level_at_which_the_interval_reaches_0(seeds) -> None:
    jackknife = Jackknife([Part(1.0, 20.0)], seeds)
    arm = jackknife.interval(0.0).high
    assert jackknife.p_value(arm) == pytest.approx(0.05, abs=1e-8)
    assert jackknife.p_value(-arm) == pytest.approx(0.05, abs=1e-8)
    values = [jackknife.p_value(step * arm) for step in (0, 1e-9, 0.1, 0.5, 0.99, 1.01, 2, 10, 1e3, 1e9)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[4] > 0.05 > values[5]


def test_nothing_is_said_of_what_is_undefined() -> None:
    undefined = Part(math.nan, 1.0)
    for jackknife in (
        Jackknife([], []),
        Jackknife([undefined], []),
        Jackknife([undefined], [Part(1.0, 2.0)]),
    ):
        assert math.isnan(jackknife.p_value(0.3))
        assert jackknife.interval(0.3).method == "none"
    same = Jackknife([part_of(np.array([0.3, 0.3]))], [])
    assert (same.p_value(0.0), same.p_value(0.3)) == (1.0, 0.0)
    assert same.interval(0.3) == (0.3, 0.3, "Student's t")
    assert math.isnan(Jackknife([Part(1.0, 9.0)], []).p_value(math.nan))


@pytest.mark.parametrize(("people", "seeds"), [(900.0, 1e-7), (999.0, 1e-5), (200.0, 1e-9), (4998.0, 0.0)])
def test_an_effect_beyond_all_doubt_has_a_p_value_of_almost_0(people, seeds):
    """A tail this thin has, with one degree of freedom, a quantile whose square is no number, or none at all."""
    found = Jackknife([Part(1e-4, people)], [Part(seeds, 1.0)])
    estimates = [*np.geomspace(0.01, 1e6, 400), *np.linspace(0.3, 0.9, 600)]
    p_values = [found.p_value(estimate) for estimate in sorted(estimates)]
    assert all(0 <= value <= 1 for value in p_values)
    assert (np.diff(p_values) <= 1e-12).all(), "a larger effect is never the more likely one"
    assert p_values[-1] < 1e-3
