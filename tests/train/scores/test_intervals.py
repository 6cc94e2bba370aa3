"""Intervals and tests: against textbook cases, few seeds and speakers, undefined scores, limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import train
from train.scores.intervals import assumed_icc, paired_difference, score_interval
from train.scores.registry import METRICS
from train.scores.wording import interval_caption

METRIC_NAMES = ["pearson", "ccc", "spearman", "mae"]


def test_the_statistics_are_public() -> None:
    assert train.score_interval is score_interval
    assert train.paired_difference is paired_difference
    assert train.holm([0.01, 0.04]).tolist() == [0.02, 0.04]


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_the_interval_is_students_t_with_the_jackknifes_error(metric, correlated):
    """Written out: every speaker left out by hand, Tukey's standard error, t with n - 1 degrees of freedom."""
    truth, prediction = correlated(60, ties=True)
    speakers = [str(i // 5) for i in range(60)]
    found = score_interval(truth, prediction[None], metric, speakers)
    score = METRICS.get(metric)
    without = np.array(
        [
            score(truth[kept], prediction[kept])[0]
            for kept in (np.arange(60) // 5 != speaker for speaker in range(12))
        ]
    )
    error = math.sqrt(11 / 12 * ((without - without.mean()) ** 2).sum())
    arm = stats.t.ppf(0.975, 11) * error
    assert found.method == "Student's t"
    assert found.estimate == pytest.approx(score(truth, prediction)[0], abs=1e-12)
    assert found.high - found.estimate == pytest.approx(
        min(arm, 1 - found.estimate if metric != "mae" else arm)
    )
    assert found.estimate - found.low == pytest.approx(arm)


@pytest.mark.parametrize("clusters", [8, 49, 50, 300])
def test_one_method_at_every_size(clusters, correlated):
    truth, prediction = correlated(clusters * 2)
    speakers = [str(i // 2) for i in range(clusters * 2)]
    found = score_interval(truth, prediction[None], "pearson", speakers)
    assert found.method == "Student's t"
    assert found.high - found.estimate == pytest.approx(found.estimate - found.low)


def test_the_score_is_the_mean_over_seeds_and_not_the_ensemble(correlated):
    truth, _ = correlated(200)
    rng = np.random.default_rng(1)
    predictions = truth + 2 * rng.standard_normal((5, 200, 1))
    per_seed = [METRICS.get("pearson")(truth, one).mean() for one in predictions]
    interval = score_interval(truth, predictions, "pearson")
    assert interval.estimate == pytest.approx(np.mean(per_seed))
    assert METRICS.get("pearson")(truth, predictions.mean(0)).mean() > interval.estimate + 0.1
    assert interval.seeds == 5


def test_seeds_that_disagree_widen_the_interval(correlated):
    truth, prediction = correlated(300)
    rng = np.random.default_rng(2)
    alike = np.stack([prediction] * 4)
    apart = alike + np.array([0, 0, 3, 3])[:, None, None] * rng.standard_normal((4, 300, 1))
    one = score_interval(truth, alike, "pearson")
    two = score_interval(truth, apart, "pearson")
    assert two.high - two.low > 1.5 * (one.high - one.low)


@pytest.mark.parametrize("metric", ["pearson", "ccc", "spearman"])
def test_undefined_stays_undefined_and_one_clip_that_decides_gives_no_interval(metric, correlated):
    truth, prediction = correlated(60, 2)
    truth[:, 1] = 0.0
    nothing = score_interval(truth, prediction[None], metric)
    assert all(map(math.isnan, (nothing.estimate, nothing.low, nothing.high)))
    assert nothing.method == "none"
    truth[0, 1] = 1.0  # without this clip the column is constant
    rare = score_interval(truth, prediction[None], metric)
    assert not math.isnan(rare.estimate)
    assert (rare.method, math.isnan(rare.low)) == ("none", True)
    assert "a column is constant then" in interval_caption(rare)


def test_a_row_against_itself_does_not_differ(correlated):
    truth, prediction = correlated(50)
    same = paired_difference(truth, prediction[None], prediction[None], "pearson")
    assert (same.interval.low, same.interval.high, same.p_value) == (0, 0, 1)


def test_the_p_value_of_a_mean_is_the_paired_t_test(correlated):
    truth, ours = correlated(50)
    theirs = ours + 0.3 * np.random.default_rng(3).standard_normal(truth.shape)
    found = paired_difference(truth, ours[None], theirs[None], "mae")
    errors = [np.abs(truth - one)[:, 0] for one in (ours, theirs)]
    assert found.p_value == pytest.approx(stats.ttest_rel(*errors).pvalue, abs=1e-10)


@pytest.mark.parametrize("seeds", [(1, 1), (3, 3), (5, 5), (3, 2)])
@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_interval_and_p_value_never_disagree(metric, seeds, correlated):
    """Differences of any size: p is below .05 exactly where the interval leaves 0 out."""
    truth, prediction = correlated(90)
    rng = np.random.default_rng(0)
    speakers = rng.integers(0, 15, 90).tolist()
    found = set()
    for step in np.linspace(0, 3, 13):
        ours = prediction + 0.3 * rng.standard_normal((seeds[0], 90, 1))
        theirs = prediction + (0.3 + step) * rng.standard_normal((seeds[1], 90, 1))
        each = paired_difference(truth, ours, theirs, metric, speakers)
        outside = not each.interval.low <= 0 <= each.interval.high
        assert outside == (each.p_value < 0.05), (each, step)
        found.add(outside)
    assert found == {True, False}


def test_few_seeds_count_as_few(correlated):
    truth, prediction = correlated(3000, rho=0.7)
    rng = np.random.default_rng(3)
    level = np.array([0.1, 1.0, 3.0])[:, None, None]  # seeds differ far more than clips make them
    ours = prediction + level * rng.standard_normal((3, 3000, 1))
    theirs = prediction + 0.1 * rng.standard_normal((3, 3000, 1))
    found = paired_difference(truth, ours, theirs, "pearson")
    score = METRICS.get("pearson")
    apart = [score(truth, a)[0] - score(truth, b)[0] for a, b in zip(ours, theirs, strict=True)]
    assert found.p_value == pytest.approx(stats.ttest_1samp(apart, 0).pvalue, rel=0.1)
    unpaired = paired_difference(truth, ours, theirs[:2], "pearson")
    assert unpaired.p_value == pytest.approx(found.p_value, rel=0.2)


def test_pairing_takes_out_what_both_rows_share(correlated):
    truth, ours = correlated(200)
    theirs = ours + 0.05 * np.random.default_rng(3).standard_normal(ours.shape)
    alone = score_interval(truth, ours[None], "pearson")
    paired = paired_difference(truth, ours[None], np.stack([theirs] * 3), "pearson").interval
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_unknown_speakers_are_said_and_few_speakers_are_warned_of(correlated):
    truth, prediction = correlated(60)
    unknown = score_interval(truth, prediction[None], "pearson", [None] * 60)
    assert (unknown.by, unknown.clusters, unknown.effective) == ("clip", 60, 60)
    assert "clip-level, speakers unknown" in interval_caption(unknown)
    few = score_interval(truth, prediction[None], "pearson", [str(i // 6) for i in range(60)])
    assert (few.by, few.clusters) == ("speaker", 10)
    assert few.warnings == ("warning: only 10 speakers, too few to trust the interval",)
    one = score_interval(truth, prediction[None], "pearson", ["same"] * 60)
    assert math.isnan(one.low)
    assert not math.isnan(one.estimate)


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_two_seeds_are_warned_of_and_one_is_said_to_leave_them_out(correlated, seeds):
    truth, prediction = correlated(60)
    rng = np.random.default_rng(0)
    rows = prediction + 0.1 * rng.standard_normal((seeds, *prediction.shape))
    found = score_interval(truth, rows, "pearson", [str(i) for i in range(60)])
    assert any("only 2 seeds" in warning for warning in found.warnings) == (seeds == 2)
    assert ("without the variation between seeds" in interval_caption(found)) == (seeds == 1)
    difference = paired_difference(truth, rows, rows + 0.1, "ccc").interval
    assert any("only 2 seeds" in warning for warning in difference.warnings) == (seeds == 2)


def test_unequal_speakers_count_as_fewer_and_that_is_said(correlated):
    """30 speakers of whom one has half of the clips say as much as 4 of equal size: (Σn)² / Σn²."""
    truth, prediction = correlated(58)
    speakers = ["much"] * 29 + [str(i) for i in range(29)]
    found = score_interval(truth, prediction[None], "pearson", speakers)
    assert found.effective == pytest.approx(58**2 / (29**2 + 29))
    assert "30 speakers of unequal size, effectively 3.9; one seed" in interval_caption(found)
    assert "warning: only 30 speakers of unequal size, effectively 3.9" in interval_caption(found)


def test_unequal_speakers_leave_fewer_degrees_of_freedom(correlated):
    truth, prediction = correlated(58)
    speakers = ["much"] * 29 + [str(i) for i in range(29)]
    found = paired_difference(truth, prediction[None], truth[None] + 1.0, "mae", speakers)
    errors = np.abs(truth - prediction)[:, 0] - 1.0
    total, many = errors.sum(), errors[:29].sum()
    without = np.array([(total - many) / 29, *((total - errors[29:]) / 57)])
    error = math.sqrt(29 / 30 * ((without - without.mean()) ** 2).sum())
    freedom = math.sqrt(29 * (58**2 / (29**2 + 29) - 1))
    expected = 2 * stats.t.sf(abs(errors.mean()) / error, freedom)
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_an_assumed_icc_widens_by_the_design_effect(correlated):
    truth, prediction = correlated(100)
    interval = score_interval(truth, prediction[None], "pearson")
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
