"""Sums per speaker: scores of all clips, weights, and constant columns."""

from __future__ import annotations

import numpy as np
import pytest

from train.scores.registry import METRICS
from train.scores.resampling_sums import CccSums, ErrorSums, PearsonSums

SUMS = {"pearson": PearsonSums, "ccc": CccSums, "mae": ErrorSums}


@pytest.mark.parametrize("metric", SUMS)
def test_with_every_speaker_once_the_score_is_that_of_all_clips(metric) -> None:
    rng = np.random.default_rng(0)
    truth, cluster = rng.random((40, 3)), rng.permutation(np.arange(40) % 7)
    predictions = truth + 1000 + rng.standard_normal((2, 40, 3))  # far from 0: nothing drowns in rounding
    found = SUMS[metric](truth, predictions, cluster, metric).of_draws(np.ones((1, 7)))
    expected = [METRICS.get(metric)(truth, one).mean() for one in predictions]
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


def test_a_speaker_drawn_twice_counts_twice() -> None:
    truth, predictions = np.array([[0.0], [1.0]]), np.array([[[1.0], [1.5]]])
    sums = ErrorSums(truth, predictions, np.array([0, 1]), "mae")
    assert sums.of_draws(np.array([[2.0, 0.0], [1.0, 1.0], [1.0, 3.0]]))[:, 0].tolist() == [1.0, 0.75, 0.625]
    assert sums.of_left_out()[:, 0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("metric", ["pearson", "ccc"])
def test_a_draw_in_which_a_column_is_constant_has_no_score(metric) -> None:
    truth, predictions = np.array([[1.0], [0.0], [0.0], [0.0]]), np.array([[[3.0], [1.0], [2.0], [4.0]]])
    sums = SUMS[metric](truth, predictions, np.arange(4), metric)
    found = sums.of_draws(np.array([[0.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0]]))[:, 0]
    assert np.isnan(found).tolist() == [True, False]
