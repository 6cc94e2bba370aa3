"""Metrics of classes against scikit-learn, their intervals, and where they are not defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from train.scores.classes import confusion, f1, recall
from train.scores.folds import Fold, FoldScores, mean_scores
from train.scores.intervals import score_interval
from train.scores.metrics import score_all
from train.scores.permutation import permutation_null

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def drawn():
    """Classes, predictions that often agree, and speakers."""
    rng = np.random.default_rng(0)
    which = np.tile(np.arange(4), 30)
    truth = np.eye(4)[which]
    return truth, truth + rng.normal(0, 0.6, truth.shape), [f"s{clip // 12}" for clip in range(120)]


def test_they_are_those_of_scikit_learn(drawn):
    truth, predictions, _ = drawn
    one, two = truth.argmax(1), predictions.argmax(1)
    np.testing.assert_allclose(recall(truth, predictions), recall_score(one, two, average=None))
    np.testing.assert_allclose(f1(truth, predictions), f1_score(one, two, average=None))
    np.testing.assert_array_equal(confusion(truth, predictions), confusion_matrix(one, two))
    found = score_all(truth, predictions, NAMES)
    assert found["uar"]["mean"] == pytest.approx(recall_score(one, two, average="macro"))
    assert found["macro-f1"]["mean"] == pytest.approx(f1_score(one, two, average="macro"))


def test_numbers_have_no_classes(drawn):
    _, predictions, _ = drawn
    assert confusion(predictions, predictions) is None
    assert np.isnan(recall(predictions, predictions)).all()
    assert np.isnan(f1(predictions, predictions)).all()
    assert list(score_all(predictions, predictions, NAMES)) == ["pearson", "ccc", "spearman", "mae"]


def test_a_class_of_no_clip_is_undefined_and_one_never_predicted_is_zero(drawn):
    truth, predictions, _ = drawn
    predictions[:, 1] = -9
    without = truth[:, 2] == 0
    assert f1(truth, predictions)[1] == recall(truth, predictions)[1] == 0
    assert np.isnan(f1(truth[without], predictions[without])).tolist() == [False, False, True, False]
    assert np.isnan(recall(truth[without], predictions[without])).tolist() == [False, False, True, False]


def test_the_interval_of_one_class_takes_the_columns_of_all(drawn):
    truth, predictions, speakers = drawn
    found = score_interval(truth, predictions[None], "uar", speakers, target=2)
    assert found.estimate == pytest.approx(recall(truth, predictions)[2])
    assert 0 <= found.low < found.estimate < found.high <= 1
    whole = score_interval(truth, predictions[None], "uar", speakers)
    assert whole.estimate == pytest.approx(recall(truth, predictions).mean())
    rho = score_interval(truth, predictions[None], "pearson", speakers, target=2)
    assert rho == score_interval(truth[:, [2]], predictions[None][..., [2]], "pearson", speakers)
    gaps = np.vstack([truth, np.full((1, 4), np.nan)]), np.vstack([predictions, np.zeros((1, 4))])[None]
    assert score_interval(*gaps, "uar", [*speakers, "nobody else"], target=2) == found


def test_chance_and_folds_know_classes(drawn):
    truth, predictions, speakers = drawn
    null = permutation_null(truth, predictions[None], "uar", permutations=50)
    assert null.observed > null.upper
    assert null.mean == pytest.approx(0.25, abs=0.05)
    folds = [Fold(truth[part], predictions[part], speakers[part]) for part in (slice(0, 60), slice(60, 120))]
    each = [recall(fold.truth, fold.predictions) for fold in folds]
    found = FoldScores.of(folds, "uar")
    assert [found.interval(k).estimate for k in range(4)] == pytest.approx(np.mean(each, axis=0).tolist())
    assert mean_scores(folds, NAMES)["uar"]["mean"] == pytest.approx(np.mean(each))
    assert not math.isnan(found.interval(1).low)
