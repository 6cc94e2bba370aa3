"""Resampling: every draw equals its clips written out; speakers, seeds and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import LabelError
from train.scores.intervals import score_interval
from train.scores.registry import METRICS
from train.scores.resampling import Resampler


def by_hand(truth, predictions, metric, clusters, draw):
    """Score one draw of speakers by writing its clips out."""
    rows = np.concatenate([np.flatnonzero(clusters == one) for one in draw])
    return [METRICS.get(metric)(truth[rows], one[rows]).mean() for one in predictions]


@pytest.mark.parametrize("metric", ["pearson", "spearman", "ccc", "mae"])
def test_every_draw_equals_its_clips_written_out(metric, correlated):
    truth, _ = correlated(80, 3, ties=True)
    predictions = np.stack([correlated(80, 3, seed=seed)[1] for seed in (1, 2)]) + 3.0
    clusters = np.random.default_rng(0).integers(0, 12, 80)
    resampler = Resampler.of(80, clusters.tolist(), 30, seed=3)
    found = resampler.scores(truth, predictions, metric)
    names = list(dict.fromkeys(clusters.tolist()))  # speakers in the order of their first clip
    for counts, scores in zip(resampler.counts, found.draws, strict=True):
        draw = np.repeat(names, counts)
        np.testing.assert_allclose(
            scores, by_hand(truth, predictions, metric, clusters, draw), atol=1e-10, equal_nan=True
        )
    for index, name in enumerate(names):
        rest = [other for other in names if other != name]
        expected = by_hand(truth, predictions, metric, clusters, rest)
        exact = 0.03 if metric == "spearman" else 1e-10  # to first order
        np.testing.assert_allclose(found.left_out[index], expected, atol=exact)


def test_resampled_seeds_give_their_mean_its_unbiased_variance():
    weights = Resampler.of(3, None, 40_000, 0).seed_weights(5)
    scores = np.array([0.3, 0.35, 0.31, 0.38, 0.33])
    np.testing.assert_allclose(weights.sum(1), 1)
    assert (weights @ scores).var() == pytest.approx(scores.var(ddof=1) / 5, rel=0.03)


def test_a_clip_without_a_speaker_stands_for_itself(correlated):
    truth, prediction = correlated(20)
    speakers = ["a"] * 10 + [None] * 10
    found = score_interval(truth, prediction[None], "pearson", speakers, resamples=50)
    assert (found.by, found.clusters) == ("speaker", 11)


def test_shapes_metrics_and_resamples_are_checked(correlated):
    truth, prediction = correlated(20)
    with pytest.raises(LabelError, match=r"expected \(20, targets\)"):
        score_interval(truth, prediction, "pearson")
    with pytest.raises(LabelError, match="metric: found 'r2'"):
        score_interval(truth, prediction[None], "r2")
    with pytest.raises(LabelError, match="3 speakers for 20 clips"):
        score_interval(truth, prediction[None], "pearson", ["a", "b", "c"])
    with pytest.raises(LabelError, match="resamples: found 1"):
        score_interval(truth, prediction[None], "pearson", resamples=1)
