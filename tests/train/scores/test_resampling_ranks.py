"""Ranks under resampling: the slope by a clip's weight is the derivative."""

from __future__ import annotations

import numpy as np

from train.scores.resampling_ranks import RankScores


def test_the_slope_of_spearman_is_its_derivative(correlated):
    truth, prediction = correlated(40, ties=True)
    cluster = np.arange(40)
    scores = RankScores(truth, prediction[None], cluster, "spearman")
    left_out = scores.of_left_out()[:, 0]
    whole = scores.of_draws(np.ones((1, 40)))[0, 0]
    nudged = np.ones((40, 40)) - 1e-5 * np.eye(40)
    slopes = (whole - scores.of_draws(nudged)[:, 0]) / 1e-5
    np.testing.assert_allclose(whole - left_out, slopes, atol=1e-3)
