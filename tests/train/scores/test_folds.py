"""Scores over folds: means over the folds that have one, and intervals over the speakers of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from train.scores.folds import Fold, FoldScores, mean_over_folds, mean_scores
from train.scores.intervals import paired_difference, score_interval
from train.scores.jackknife import Jackknife, part_of
from train.scores.metrics import pearson

NAMES = ("a", "b")


def drawn(sizes=(60, 80), people=2, seed=0, shared=False):
    rng = np.random.default_rng(seed)
    folds = []
    for number, size in enumerate(sizes):
        truth = rng.standard_normal((size, 2))
        who = [f"{0 if shared else number}-{clip // people}" for clip in range(size)]
        folds.append(Fold(truth, truth + rng.standard_normal((size, 2)), who))
    return folds


def test_the_mean_is_that_of_the_folds_and_its_interval_narrower_than_ones() -> None:
    folds = drawn()
    interval = FoldScores.of(folds, "pearson").interval()
    scores = [pearson(fold.truth, fold.predictions).mean() for fold in folds]
    assert interval.estimate == pytest.approx(np.mean(scores))
    assert (interval.by, interval.clusters) == ("speaker", 70)
    one = FoldScores.of(folds[:1], "pearson").interval()
    assert interval.high - interval.low < 0.85 * (one.high - one.low)


def test_one_fold_is_a_split() -> None:
    (fold,) = drawn((60,))
    scores = FoldScores.of([fold], "ccc")
    expected = score_interval(fold.truth, fold.predictions[None], "ccc", fold.speakers)
    assert scores.interval().low == pytest.approx(expected.low)
    assert scores.interval().high == pytest.approx(expected.high)
    for target in range(2):
        alone = score_interval(
            fold.truth[:, [target]], fold.predictions[None][..., [target]], "ccc", fold.speakers
        )
        assert scores.interval(target).low == pytest.approx(alone.low)
    other = Fold(fold.truth, fold.predictions + fold.predictions[::-1], fold.speakers)
    found = scores.less(FoldScores.of([other], "ccc"))
    expected = paired_difference(
        fold.truth, fold.predictions[None], other.predictions[None], "ccc", fold.speakers
    )
    assert found.interval.low == pytest.approx(expected.interval.low)
    assert found.p_value == pytest.approx(expected.p_value)


def test_a_target_that_a_fold_lacks_is_its_mean_over_the_others() -> None:
    folds = drawn((60, 80, 40))
    folds[1].truth[:, 1] = 0.7
    scores = FoldScores.of(folds, "pearson")
    expected = [
        np.mean([pearson(fold.truth, fold.predictions)[0] for fold in folds]),
        np.mean([pearson(fold.truth, fold.predictions)[1] for fold in (folds[0], folds[2])]),
    ]
    assert [scores.number_of_folds(target) for target in range(2)] == [3, 2]
    assert [scores.interval(target).estimate for target in range(2)] == pytest.approx(expected)
    assert scores.interval().estimate == pytest.approx(np.mean(expected))
    assert np.isfinite(scores.interval().low)
    found = mean_scores(folds, NAMES)["pearson"]
    assert (found["mean"], *found["per_target"].values()) == pytest.approx((np.mean(expected), *expected))


def test_a_target_that_no_fold_has_is_undefined_and_the_mean_too() -> None:
    folds = drawn()
    for fold in folds:
        fold.truth[:, 0] = 0.0
    scores = FoldScores.of(folds, "pearson")
    assert scores.number_of_folds(0) == 0
    assert np.isnan([scores.interval(0).estimate, scores.interval().estimate]).all()
    assert np.isfinite(scores.interval(1).low)
    assert np.isnan(mean_over_folds(np.full((2, 1), np.nan))).all()


def test_folds_of_one_speaker_are_left_out_as_a_whole() -> None:
    folds = drawn((40, 50, 60, 30), people=100)
    each = np.array([pearson(fold.truth, fold.predictions).mean() for fold in folds])
    found = FoldScores.of(folds, "pearson").interval()
    without = np.array([np.delete(each, fold).mean() for fold in range(4)])
    expected = Jackknife([part_of(without)], []).interval(each.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.clusters == 4


def test_a_speaker_in_several_folds_is_left_out_of_all_at_once() -> None:
    folds = drawn((40, 40), people=10, shared=True)
    scores = FoldScores.of(folds, "pearson")
    found = scores.interval()
    without = []
    for who in dict.fromkeys(folds[0].speakers):
        kept = [np.array([name != who for name in fold.speakers]) for fold in folds]
        rest = [pearson(f.truth[k], f.predictions[k]).mean() for f, k in zip(folds, kept, strict=True)]
        without.append(np.mean(rest))
    expected = Jackknife([part_of(np.array(without), 4.0)], []).interval(found.estimate)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.clusters == 4


def test_without_speakers_every_clip_stands_for_itself() -> None:
    folds = [fold._replace(speakers=[None] * len(fold.truth)) for fold in drawn()]
    found = FoldScores.of(folds, "spearman").interval()
    assert (found.by, found.clusters) == ("clip", 140)
