"""Leaving out: every value equals the remaining clips scored by hand; speakers, sizes and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import LabelError
from train.scores.intervals import score_interval
from train.scores.leave_one_out import Clusters
from train.scores.registry import METRICS


@pytest.mark.parametrize("metric", ["pearson", "spearman", "ccc", "mae"])
def test_every_value_equals_the_other_clips_scored_by_hand(metric, correlated):
    """One of the speakers has half of the clips, ties are many, predictions lie far from 0."""
    truth, _ = correlated(80, 3, ties=True)
    predictions = np.stack([correlated(80, 3, seed=seed)[1] for seed in (1, 2)]) + 3.0
    speakers = np.concatenate([np.zeros(40, dtype=int), np.random.default_rng(0).integers(1, 12, 40)])
    clusters = Clusters.of(80, speakers.tolist())
    found = clusters.scores(truth, predictions, metric)
    for number in range(clusters.number):
        kept = clusters.index != number
        expected = [METRICS.get(metric)(truth[kept], one[kept]).mean() for one in predictions]
        np.testing.assert_allclose(found.without[number], expected, atol=1e-10)


def test_speakers_are_numbered_by_their_first_clip() -> None:
    clusters = Clusters.of(5, ["b", "a", "b", None, "a"])
    assert clusters.index.tolist() == [0, 1, 0, 2, 1]
    assert (clusters.by, clusters.number, clusters.sizes.tolist()) == ("speaker", 3, [2, 2, 1])
    assert clusters.effective == pytest.approx(25 / 9)
    assert Clusters.of(4, None).effective == 4
    assert Clusters.of(0, None).effective == 0


def test_clusters_of_folds_are_joined() -> None:
    joined = Clusters.joined([Clusters.of(3, ["a", "b", "a"]), Clusters.of(2, ["a", "c"])])
    assert joined.index.tolist() == [0, 1, 0, 2, 3]
    assert joined.by == "speaker"
    assert Clusters.joined([Clusters.of(2, None), Clusters.of(2, ["a", "b"])]).by == "clip"


def test_a_clip_without_a_speaker_stands_for_itself(correlated):
    truth, prediction = correlated(20)
    speakers = ["a"] * 10 + [None] * 10
    found = score_interval(truth, prediction[None], "pearson", speakers)
    assert (found.by, found.clusters) == ("speaker", 11)


def test_shapes_and_metrics_are_checked(correlated):
    truth, prediction = correlated(20)
    with pytest.raises(LabelError, match=r"expected \(20, targets\)"):
        score_interval(truth, prediction, "pearson")
    with pytest.raises(LabelError, match="metric: found 'r2'"):
        score_interval(truth, prediction[None], "r2")
    with pytest.raises(LabelError, match="3 speakers for 20 clips"):
        score_interval(truth, prediction[None], "pearson", ["a", "b", "c"])
