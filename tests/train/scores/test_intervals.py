"""Intervals and tests: against scipy on the same draws, and against simulated corpora whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from train.scores.intervals import assumed_icc, paired_difference, score_interval
from train.scores.registry import METRICS
from train.scores.resampling import Resampler
from train.scores.wording import interval_caption

SCIPY = {
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "ccc": lambda x, y: METRICS.get("ccc")(x[:, None], y[:, None])[0],
    "mae": lambda x, y: np.abs(x - y).mean(),
}


@pytest.mark.parametrize("metric", SCIPY)
def test_independent_clips_equal_scipy_on_the_same_draws(metric, correlated):
    truth, prediction = correlated(60, ties=True)
    ours = score_interval(truth, prediction[None], metric, resamples=400, seed=5)
    theirs = stats.bootstrap(
        (truth[:, 0], prediction[:, 0]),
        SCIPY[metric],
        paired=True,
        vectorized=False,
        n_resamples=400,
        rng=np.random.default_rng(5),
        method="BCa",
    )
    assert ours.by == "clip"
    assert ours.method == "BCa"
    # Spearman's acceleration comes from derivatives instead of clips left out: another path, the same place.
    exact = 1e-2 if metric == "spearman" else 1e-10
    ends = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((ends.low, ends.high), abs=exact)
    draws = Resampler.of(60, None, 400, 5).scores(truth, prediction[None], metric).draws[:, 0]
    np.testing.assert_allclose(draws, theirs.bootstrap_distribution, atol=1e-10)
    assert ours.estimate == pytest.approx(SCIPY[metric](truth[:, 0], prediction[:, 0]), abs=1e-12)


def test_the_score_is_the_mean_over_seeds_and_not_the_ensemble(correlated):
    truth, _ = correlated(200)
    rng = np.random.default_rng(1)
    predictions = truth + 2 * rng.standard_normal((5, 200, 1))
    per_seed = [METRICS.get("pearson")(truth, one).mean() for one in predictions]
    interval = score_interval(truth, predictions, "pearson", resamples=100)
    assert interval.estimate == pytest.approx(np.mean(per_seed))
    assert METRICS.get("pearson")(truth, predictions.mean(0)).mean() > interval.estimate + 0.1
    assert interval.seeds == 5


def test_seeds_that_disagree_widen_the_interval(correlated):
    truth, prediction = correlated(300)
    rng = np.random.default_rng(2)
    alike = np.stack([prediction] * 4)
    apart = alike + np.array([0, 0, 3, 3])[:, None, None] * rng.standard_normal((4, 300, 1))
    one = score_interval(truth, alike, "pearson", resamples=300)
    two = score_interval(truth, apart, "pearson", resamples=300)
    assert two.high - two.low > 1.5 * (one.high - one.low)


@pytest.mark.parametrize("metric", ["pearson", "ccc", "spearman"])
def test_undefined_stays_undefined_and_undefined_draws_are_counted(metric, correlated):
    truth, prediction = correlated(60, 2)
    truth[:, 1] = 0.0
    nothing = score_interval(truth, prediction[None], metric, resamples=50)
    assert all(map(math.isnan, (nothing.estimate, nothing.low, nothing.high)))
    assert (nothing.undefined_draws, nothing.method) == (50, "none")
    truth[0, 1] = 1.0  # in some draws the one clip with a label is missing: a chance of (59/60)^60
    rare = score_interval(truth, prediction[None], metric, resamples=2000)
    assert 0.30 < rare.undefined_draws / 2000 < 0.43
    assert rare.low <= rare.estimate <= rare.high
    assert "undefined draws left out" in interval_caption(rare)
    assert "no fair sample" in interval_caption(rare)


def test_a_row_against_itself_does_not_differ(correlated):
    truth, prediction = correlated(50)
    same = paired_difference(truth, prediction[None], prediction[None], "pearson", resamples=50)
    assert (same.interval.low, same.interval.high, same.p_value) == (0, 0, 1)


def test_the_p_value_of_a_mean_is_the_paired_t_test(correlated):
    truth, ours = correlated(50)
    theirs = ours + 0.3 * np.random.default_rng(3).standard_normal(truth.shape)
    found = paired_difference(truth, ours[None], theirs[None], "mae", resamples=50)
    errors = [np.abs(truth - one)[:, 0] for one in (ours, theirs)]
    assert found.p_value == pytest.approx(stats.ttest_rel(*errors).pvalue, abs=1e-10)


def test_few_seeds_count_as_few(correlated):
    truth, prediction = correlated(3000, rho=0.7)
    rng = np.random.default_rng(3)
    level = np.array([0.1, 1.0, 3.0])[:, None, None]  # seeds differ far more than clips make them
    ours = prediction + level * rng.standard_normal((3, 3000, 1))
    theirs = prediction + 0.1 * rng.standard_normal((3, 3000, 1))
    found = paired_difference(truth, ours, theirs, "pearson", resamples=500)
    score = METRICS.get("pearson")
    apart = [score(truth, a)[0] - score(truth, b)[0] for a, b in zip(ours, theirs, strict=True)]
    assert found.p_value == pytest.approx(stats.ttest_1samp(apart, 0).pvalue, rel=0.1)
    unpaired = paired_difference(truth, ours, theirs[:2], "pearson", resamples=500)
    assert unpaired.p_value == pytest.approx(found.p_value, rel=0.2)


def test_pairing_takes_out_what_both_rows_share(correlated):
    truth, ours = correlated(200)
    theirs = ours + 0.05 * np.random.default_rng(3).standard_normal(ours.shape)
    alone = score_interval(truth, ours[None], "pearson")
    paired = paired_difference(truth, ours[None], np.stack([theirs] * 3), "pearson").interval
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_unknown_speakers_are_said_and_few_speakers_are_warned_of(correlated):
    truth, prediction = correlated(60)
    unknown = score_interval(truth, prediction[None], "pearson", [None] * 60, resamples=50)
    assert (unknown.by, unknown.clusters) == ("clip", 60)
    assert "clip-level, speakers unknown" in interval_caption(unknown)
    few = score_interval(truth, prediction[None], "pearson", [str(i // 6) for i in range(60)], resamples=50)
    assert (few.by, few.clusters) == ("speaker", 10)
    assert few.warnings == ("warning: only 10 speakers, too few to trust the interval",)
    one = score_interval(truth, prediction[None], "pearson", ["same"] * 60, resamples=50)
    assert math.isnan(one.low)
    assert not math.isnan(one.estimate)


def test_an_assumed_icc_widens_by_the_design_effect(correlated):
    truth, prediction = correlated(100)
    interval = score_interval(truth, prediction[None], "pearson", resamples=100)
    factor = assumed_icc(0.2, 23)
    assert factor == pytest.approx(math.sqrt(1 + 22 * 0.04))
    wide = interval.widened(factor)
    assert wide.high - wide.low == pytest.approx(factor * (interval.high - interval.low))
    assert wide.estimate == interval.estimate


def test_an_interval_holds_no_value_that_a_score_cannot_have() -> None:
    """With three speakers Student's t reaches beyond 1; no correlation does."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 1))
    predictions = truth[None] + rng.normal(size=(1, 30, 1)) * np.repeat([0.1, 0.4, 3.0], 10)[None, :, None]
    found = score_interval(truth, predictions, "pearson", ["a"] * 10 + ["b"] * 10 + ["c"] * 10)
    assert found.method == "Student's t"
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert score_interval(truth, predictions, "mae", ["a"] * 10 + ["b"] * 10 + ["c"] * 10).low >= 0


@pytest.mark.parametrize("metric", ["pearson", "ccc", "spearman"])
def test_no_difference_lies_beyond_what_two_scores_can_differ(metric):
    rng = np.random.default_rng(1)
    truth, ours, theirs = (rng.random((2, 6, 1)) for _ in range(3))
    found = paired_difference(truth[0], ours, theirs, metric).interval
    assert -2 <= found.low <= found.estimate <= found.high <= 2
    assert found.low == -2 or found.high == 2
    wide = paired_difference(truth[0], ours, theirs, "mae").interval
    assert wide.low < wide.estimate < wide.high  # errors know no limit


@pytest.mark.parametrize("clips", [6, 30])
def test_few_clips_come_with_a_warning_as_few_speakers_do(clips):
    rng = np.random.default_rng(0)
    truth = rng.random((clips, 1))
    found = score_interval(truth, truth[None] + rng.random((1, clips, 1)), "pearson")
    assert ("warning: only 6 clips, too few to trust the interval" in interval_caption(found)) is (clips == 6)
