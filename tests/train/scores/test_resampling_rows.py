"""Any metric under resampling: writing clips out gives what the quick ways give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.resampling import Resampler
from train.scores.resampling_ranks import RankScores
from train.scores.resampling_rows import RowScores
from train.scores.resampling_sums import CccSums, ErrorSums, PearsonSums

QUICK = {"pearson": PearsonSums, "ccc": CccSums, "mae": ErrorSums, "spearman": RankScores}


@pytest.mark.parametrize("metric", QUICK)
def test_the_quick_ways_give_the_same_draws(metric) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((50, 2)).round(1)
    predictions = truth + rng.standard_normal((3, 50, 2))
    cluster = np.arange(50) // 5
    weights = Resampler(cluster, "speaker", 12, 0).counts.astype(np.float64)
    slow, quick = (of(truth, predictions, cluster, metric) for of in (RowScores, QUICK[metric]))
    np.testing.assert_allclose(slow.of_draws(weights), quick.of_draws(weights), atol=1e-12)
    if metric != "spearman":  # whose left-out scores are taken to first order
        np.testing.assert_allclose(slow.of_left_out(), quick.of_left_out(), atol=1e-12)


def test_a_single_speaker_left_out_leaves_nothing() -> None:
    scores = RowScores(np.ones((3, 1)), np.ones((1, 3, 1)), np.zeros(3, dtype=np.int64), "pearson")
    assert math.isnan(scores.of_left_out()[0, 0])
