"""Sums per speaker: scores far from 0, errors without a speaker, and constant columns."""

from __future__ import annotations

import numpy as np
import pytest

from train.scores.left_out.sums import ccc, mae, pearson
from train.scores.registry import METRICS

SUMS = {"pearson": pearson, "ccc": ccc, "mae": mae}


@pytest.mark.parametrize("metric", SUMS)
def test_nothing_drowns_in_rounding_far_from_0(metric) -> None:
    rng = np.random.default_rng(0)
    truth, cluster = rng.random((40, 3)), rng.permutation(np.arange(40) % 7)
    predictions = truth + 1000 + rng.standard_normal((2, 40, 3))
    found = SUMS[metric](truth, predictions, cluster)
    expected = [METRICS.get(metric)(truth[cluster != 3], one[cluster != 3]).mean() for one in predictions]
    np.testing.assert_allclose(found[3], expected, rtol=1e-9)


def test_errors_without_each_speaker() -> None:
    truth, predictions = np.array([[0.0], [1.0]]), np.array([[[1.0], [1.5]]])
    assert mae(truth, predictions, np.array([0, 1]))[:, 0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("metric", ["pearson", "ccc"])
def test_a_column_that_is_constant_without_a_speaker_has_no_score(metric) -> None:
    truth, predictions = np.array([[33.3], [0.1], [0.1], [0.1]]), np.array([[[3.0], [1.0], [2.0], [4.0]]])
    found = SUMS[metric](truth, predictions, np.arange(4))[:, 0]
    assert np.isnan(found).tolist() == [True, False, False, False]
