"""Any metric without each speaker: writing clips out gives what the quick ways give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.left_out import ranks, sums
from train.scores.left_out.rows import any_metric
from train.scores.registry import METRICS

QUICK = {
    "pearson": sums.pearson,
    "ccc": sums.ccc,
    "mae": sums.mae,
    "spearman": ranks.spearman,
}


@pytest.mark.parametrize("metric", QUICK)
def test_the_quick_ways_give_the_same(metric) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((50, 2)).round(1)
    predictions = truth + rng.standard_normal((3, 50, 2))
    cluster = np.sort(rng.integers(0, 10, 50))
    cluster = np.unique(cluster, return_inverse=True)[1]
    slow = any_metric(METRICS.get(metric), truth, predictions, cluster)
    quick = QUICK[metric](truth, predictions, cluster)
    assert slow.shape == (cluster.max() + 1, 3)
    np.testing.assert_allclose(slow, quick, atol=1e-12)


def test_a_single_speaker_left_out_leaves_nothing() -> None:
    pearson = METRICS.get("pearson")
    scores = any_metric(pearson, np.ones((3, 1)), np.ones((1, 3, 1)), np.zeros(3, dtype=np.int64))
    assert math.isnan(scores[0, 0])
