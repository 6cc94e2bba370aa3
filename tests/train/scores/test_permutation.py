"""What chance reaches: the permutation null keeps its level where clips of one speaker are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.folds import Fold
from train.scores.permutation import null_of_folds, permutation_null


def corpus(rng, icc, speakers=40, clips=10):
    def noise():
        people = np.repeat(rng.standard_normal((speakers, 1)), clips, axis=0)
        return math.sqrt(icc) * people + math.sqrt(1 - icc) * rng.standard_normal((speakers * clips, 1))

    return noise(), noise(), [str(i // clips) for i in range(speakers * clips)]


def test_no_association_is_found_at_its_level_only_if_speakers_swap_whole():
    found = {"speaker": 0, "clip": 0}
    for seed in range(120):
        truth, prediction, speakers = corpus(np.random.default_rng(seed), 0.6)
        for by, clusters in (("speaker", speakers), ("clip", None)):
            null = permutation_null(truth, prediction[None], "pearson", clusters, permutations=99, seed=seed)
            assert null.by == by
            found[by] += null.p_value <= 0.05
    assert found["speaker"] <= 13  # 5 % of 120 is 6; more than 13 has a chance of 1 in 300
    assert found["clip"] > 20


@pytest.mark.parametrize("metric", ["pearson", "ccc", "spearman", "mae"])
def test_a_real_association_is_beyond_the_null(metric):
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((60, 2))
    prediction = truth + rng.standard_normal((3, 60, 2))
    null = permutation_null(truth, prediction, metric, permutations=200)
    assert null.p_value == pytest.approx(1 / 201)
    if metric == "mae":
        assert null.observed < null.upper < null.mean
    else:
        assert abs(null.mean) < 0.05 < null.upper < null.observed


def test_undefined_has_no_null():
    null = permutation_null(np.zeros((9, 1)), np.ones((1, 9, 1)), "pearson", permutations=5)
    assert math.isnan(null.p_value)
    assert null.undefined == 5


def test_speakers_of_unequal_size_still_get_a_prediction_for_every_clip():
    rng = np.random.default_rng(0)
    truth, speakers = rng.random((30, 1)), ["a"] * 20 + ["b"] * 7 + ["c"] * 2 + [None]
    null = permutation_null(truth, truth[None] + 0.1, "pearson", speakers, permutations=50)
    assert null.undefined == 0
    assert null.by == "speaker"


def of_folds(truths, speakers, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    predictions = [truth + noise * rng.standard_normal(truth.shape) for truth in truths]
    return [Fold(*each) for each in zip(truths, predictions, speakers, strict=True)]


def test_folds_keep_their_predictions_so_that_offsets_reach_nothing():
    """Heads that predict their fold's level and no more: pooled they correlate, within folds they do not."""
    rng = np.random.default_rng(3)
    level = np.repeat(np.arange(5.0), 30)[:, None]
    truth, prediction = (
        level + rng.standard_normal((150, 1)),
        level + 0.1 * rng.standard_normal((150, 1)),
    )
    parts = np.split(np.arange(150), 5)
    folds = [Fold(truth[part], prediction[part], [None] * 30) for part in parts]
    pooled = permutation_null(truth, prediction[None], "pearson", permutations=200)
    within = null_of_folds(folds, "pearson", permutations=200)
    assert pooled.p_value == pytest.approx(1 / 201)
    assert within.mean.p_value > 0.05
    assert abs(within.mean.mean) < 0.05


def test_a_real_association_within_folds_is_beyond_the_null():
    rng = np.random.default_rng(0)
    who = [f"s{i // 5}" for i in range(40)]
    found = null_of_folds(of_folds([rng.random((40, 2)) for _ in range(3)], [who] * 3, 0.1), "pearson", 200)
    assert found.mean.p_value == pytest.approx(1 / 201)
    assert [each.p_value for each in found.folds] == [pytest.approx(1 / 201)] * 3
    assert (found.mean.by, {each.by for each in found.folds}) == ("speaker", {"speaker"})
    assert found.mean.observed == pytest.approx(np.mean([each.observed for each in found.folds]))


def test_orders_within_folds_are_counted_and_a_single_speaker_swaps_clips():
    rng = np.random.default_rng(0)
    pairs = null_of_folds(
        of_folds([rng.random((8, 1)) for _ in range(3)], [["a"] * 4 + ["b"] * 4] * 3, 0.1), "pearson", 99
    )
    assert (pairs.orders, pairs.orders_together) == ((2, 2, 2), 8)
    assert pairs.mean.p_value > 1 / 10, "one of eight orders is the right one"
    alone = null_of_folds(of_folds([rng.random((20, 1))] * 2, [["a"] * 20, ["b"] * 20], 0.1), "pearson", 99)
    assert alone.mean.by == "clip"
    assert alone.mean.p_value == pytest.approx(0.01)
    mixed = of_folds([rng.random((20, 1))] * 2, [["a"] * 20, ["b", "c"] * 10], 0.1)
    assert null_of_folds(mixed, "pearson", 9).mean.by == "speaker or clip"


def test_a_target_that_is_constant_in_a_fold_counts_in_the_others():
    rng = np.random.default_rng(0)
    folds = of_folds([rng.random((20, 2)) for _ in range(2)], [[None] * 20] * 2, 0.1)
    folds[0].truth[:, 1] = 0.5
    found = null_of_folds(folds, "pearson", 50)
    assert math.isfinite(found.mean.observed)
    assert found.mean.undefined == 0
    assert math.isnan(found.folds[0].observed)
    assert math.isnan(found.folds[0].p_value)
