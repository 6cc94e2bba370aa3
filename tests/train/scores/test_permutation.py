"""What chance reaches: the permutation null keeps its level where clips of one speaker are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.folds import Fold
from train.scores.permutation import orders_within, permutation_null, permuted_within


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


def test_in_folds_predictions_stay_in_their_own():
    """A head that knows nothing but how its folds differ is found out; a real one is not lost."""
    rng = np.random.default_rng(0)
    folds = []
    for level in range(4):
        truth = level + rng.standard_normal((30, 1))
        who = [f"{level}-{clip // 3}" for clip in range(30)]
        folds.append(Fold(truth, level + rng.standard_normal((2, 30, 1)), who))
    null = permuted_within(folds, "pearson", 200)
    assert null.by == "speaker"
    assert null.p_value > 0.05
    together = [np.concatenate([getattr(f, name) for f in folds], -2) for name in ("truth", "predictions")]
    assert permutation_null(*together, "pearson", permutations=200).p_value < 0.01
    real = [f._replace(predictions=f.truth[None] + rng.standard_normal((2, 30, 1))) for f in folds]
    assert permuted_within(real, "pearson", 200).p_value == pytest.approx(1 / 201)


def test_in_a_fold_of_one_speaker_clips_swap_and_one_fold_is_a_split():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((20, 2))
    fold = Fold(truth, truth[None] + rng.standard_normal((1, 20, 2)), ["a"] * 20)
    two = [fold, fold._replace(speakers=["b"] * 20)]
    null = permuted_within(two, "pearson", 100)
    assert null.by == "clip"
    assert null.mean < 0.2 < null.observed
    assert orders_within(two) > 720
    people = fold._replace(speakers=[f"s{clip % 3}" for clip in range(20)])
    assert orders_within([people, people]) == 36
    expected = permutation_null(truth, people.predictions, "pearson", people.speakers, 100)
    assert permuted_within([people], "pearson", 100) == expected
