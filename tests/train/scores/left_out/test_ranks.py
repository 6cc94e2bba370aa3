"""Spearman without each speaker: ranks made anew, and first order for the very small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from train.scores.left_out import ranks
from train.scores.left_out.ranks import spearman


def corpus(sizes):
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    truth = np.clip(rng.standard_normal((len(cluster), 2)), 0, None).round(1)  # half of it ties
    return truth, truth + rng.standard_normal((2, *truth.shape)), cluster


@pytest.mark.parametrize("sizes", [[30, 1, 1, 2, 5], [1] * 40, [3] * 200])
def test_without_a_speaker_ranks_are_those_of_scipy(sizes):
    truth, predictions, cluster = corpus(sizes)
    found = spearman(truth, predictions, cluster)
    for number in range(0, len(sizes), max(1, len(sizes) // 5)):
        kept = cluster != number
        expected = [
            np.mean([stats.spearmanr(truth[kept, k], one[kept, k]).statistic for k in range(2)])
            for one in predictions
        ]
        np.testing.assert_allclose(found[number], expected, atol=1e-12)


def test_the_very_small_are_left_out_to_first_order_and_the_others_exactly(monkeypatch):
    truth, predictions, cluster = corpus([40, *[1] * 80, 25])
    exact = spearman(truth, predictions, cluster)
    monkeypatch.setattr(ranks, "SMALL", 0.1)
    found = spearman(truth, predictions, cluster)
    np.testing.assert_array_equal(found[[0, 81]], exact[[0, 81]])
    assert 0 < np.abs(found - exact).max() < 2e-3
    assert found.std(0) == pytest.approx(exact.std(0), rel=0.02)


def test_a_column_that_is_constant_without_a_speaker_has_no_score():
    truth = np.array([[1.0], [0.0], [0.0], [0.0]])
    found = spearman(truth, np.array([[[3.0], [1.0], [2.0], [4.0]]]), np.arange(4))
    assert np.isnan(found[:, 0]).tolist() == [True, False, False, False]
