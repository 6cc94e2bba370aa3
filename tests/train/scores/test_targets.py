"""Scores over targets: each over the clips that have its label, the mean over the targets that have any."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.folds import Fold, FoldScores, mean_scores
from train.scores.intervals import paired_difference, score_interval
from train.scores.leave_one_out import Clusters
from train.scores.metrics import score_all
from train.scores.permutation import permutation_null
from train.scores.registry import METRICS
from train.scores.targets import mean_of, mean_score, scores_of

METRIC_NAMES = ["pearson", "spearman", "ccc", "mae"]


@pytest.fixture
def some(correlated):
    """Labels of which each target lacks others, those of a target all of a speaker's; predictions; speakers."""
    truth, _ = correlated(90, 3)
    predictions = np.stack([correlated(90, 3, seed=seed)[1] for seed in (1, 2)])
    speakers = [f"s{clip // 9}" for clip in range(90)]
    truth[::4, 0] = truth[1::3, 1] = truth[:9, 2] = np.nan
    return truth, predictions, speakers


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_each_target_is_scored_over_the_clips_that_have_it(metric, some):
    truth, (one, _), _ = some
    score = METRICS.get(metric)
    there = ~np.isnan(truth)
    by_hand = [score(truth[t, k : k + 1], one[t, k : k + 1])[0] for k, t in enumerate(there.T)]
    np.testing.assert_allclose(scores_of(score, truth, one), by_hand)
    assert mean_score(score, truth, one) == pytest.approx(np.mean(by_hand))
    assert score_all(truth, one, "abc")[metric]["per_target"]["b"] == pytest.approx(by_hand[1])


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_leaving_a_speaker_out_leaves_its_labels_out(metric, some):
    truth, predictions, speakers = some
    clusters = Clusters.of(90, speakers)
    found = clusters.scores(truth, predictions, metric)
    for number in range(clusters.number):
        kept = clusters.index != number
        expected = [mean_score(METRICS.get(metric), truth[kept], one[kept]) for one in predictions]
        np.testing.assert_allclose(found.without[number], expected, atol=1e-10)


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_without_missing_labels_every_bit_is_as_it_was(metric, correlated):
    truth, prediction = correlated(60, 3)
    score = METRICS.get(metric)
    np.testing.assert_array_equal(scores_of(score, truth, prediction), score(truth, prediction))
    assert mean_score(score, truth, prediction) == float(score(truth, prediction).mean())


def test_a_target_without_any_label_has_no_score_and_counts_in_no_mean(some):
    truth, predictions, speakers = some
    truth[:, 1] = np.nan
    others = truth[:, [0, 2]], predictions[:, :, [0, 2]]
    assert np.isnan(scores_of(METRICS.get("mae"), truth, predictions[0])).tolist() == [False, True, False]
    assert score_interval(truth, predictions, "pearson", speakers) == score_interval(
        *others, "pearson", speakers
    )
    assert permutation_null(truth, predictions, "ccc", speakers, 20) == permutation_null(
        *others, "ccc", speakers, 20
    )
    alone = score_interval(truth[:, [1]], predictions[:, :, [1]], "pearson", speakers)
    assert math.isnan(alone.estimate)
    assert alone.method == "none"
    assert math.isnan(mean_of(np.array([0.5, np.nan]), np.ones((3, 2))))  # a constant one still does


def test_a_speaker_without_a_label_does_not_count(some):
    truth, predictions, speakers = some
    found = score_interval(truth[:, [2]], predictions[:, :, [2]], "pearson", speakers)
    assert found.clusters == 9
    kept = score_interval(truth[9:, [2]], predictions[:, 9:, [2]], "pearson", speakers[9:])
    assert found == kept
    pairs = truth[:, [2]], predictions[:1, :, [2]], predictions[1:, :, [2]]
    apart = truth[9:, [2]], predictions[:1, 9:, [2]], predictions[1:, 9:, [2]]
    assert paired_difference(*pairs, "mae", speakers) == paired_difference(*apart, "mae", speakers[9:])


def test_a_fold_without_a_label_of_a_target_says_nothing_of_it(some):
    truth, (one, _), speakers = some
    truth[:45, 1] = np.nan
    folds = [Fold(truth[part], one[part], speakers[part]) for part in (slice(0, 45), slice(45, 90))]
    found = FoldScores.of(folds, "pearson")
    assert [found.number_of_folds(target) for target in range(3)] == [2, 1, 2]
    second = scores_of(METRICS.get("pearson"), truth[45:], one[45:])[1]
    assert found.interval(1).estimate == pytest.approx(second)
    assert mean_scores(folds, "abc")["pearson"]["per_target"]["b"] == pytest.approx(second)
