"""Scores over folds: means over the folds that have one, and intervals over the speakers of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from train.scores.fold_table import mean_over_folds
from train.scores.folds import Fold, FoldScores, mean_scores, score_over_folds
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


def seeded(folds, seeds=3, noise=0.5):
    rng = np.random.default_rng(9)
    return [
        f._replace(predictions=f.predictions + noise * rng.standard_normal((seeds, *f.truth.shape)))
        for f in folds
    ]


@pytest.mark.parametrize("metric", ["pearson", "mae"])
def test_one_fold_of_several_seeds_is_a_split_to_the_last_bit(metric) -> None:
    ours, theirs = seeded(drawn((60,))), seeded(drawn((60,), seed=4), 3, 1.0)
    (one,), (two,) = ours, theirs
    two = two._replace(truth=one.truth)
    scores, others = FoldScores.of([one], metric), FoldScores.of([two], metric)
    assert scores.interval() == score_interval(one.truth, one.predictions, metric, one.speakers)
    alone = score_interval(one.truth[:, [1]], one.predictions[..., [1]], metric, one.speakers)
    assert scores.interval(1) == alone
    expected = paired_difference(one.truth, one.predictions, two.predictions, metric, one.speakers)
    assert scores.less(others) == expected


def test_seeds_of_folds_are_averaged_and_count_in_the_interval() -> None:
    folds = seeded(drawn((60, 80, 50)))
    scores = FoldScores.of(folds, "pearson")
    each = np.array([[pearson(f.truth, one).mean() for one in f.predictions] for f in folds])
    assert scores.interval().estimate == pytest.approx(each.mean())
    assert scores.each_seed == pytest.approx(each.mean(0))
    assert scores.interval().seeds == scores.seeds == 3
    alike = [f._replace(predictions=np.stack([f.predictions[0]] * 3)) for f in folds]
    same, single = FoldScores.of(alike, "pearson"), [f._replace(predictions=f.predictions[0]) for f in folds]
    expected = FoldScores.of(single, "pearson").interval()
    assert (same.interval().low, same.interval().high) == pytest.approx((expected.low, expected.high))
    rng = np.random.default_rng(3)
    apart = [
        f._replace(
            predictions=np.stack(
                [f.predictions[0] + n * rng.standard_normal(f.truth.shape) for n in (0, 2, 9)]
            )
        )
        for f in folds
    ]
    wide = FoldScores.of(apart, "pearson").interval()
    assert wide.high - wide.low > 2 * (expected.high - expected.low)


@pytest.mark.parametrize("seeds", [3, 1])
def test_differences_over_folds_are_paired_by_seed_or_count_the_seeds_of_both(seeds) -> None:
    folds = drawn((60, 80))
    ours, theirs = seeded(folds, 3, 0.2), seeded(folds, seeds, 0.8)
    one, two = FoldScores.of(ours, "pearson"), FoldScores.of(theirs, "pearson")
    found = one.less(two)
    assert found.interval.estimate == pytest.approx(one.interval().estimate - two.interval().estimate)
    assert found.interval.low > 0
    assert found.p_value < 0.05
    back = two.less(one)
    assert (back.interval.low, back.p_value) == pytest.approx((-found.interval.high, found.p_value))
    assert one.less(one).p_value == 1.0


def test_a_fold_of_one_speaker_among_larger_ones_is_left_out_with_them() -> None:
    folds = drawn((40, 50, 12), people=10)
    folds[2] = folds[2]._replace(speakers=["lonely"] * 12)
    scores = FoldScores.of(folds, "pearson")
    each = np.array([pearson(fold.truth, fold.predictions).mean() for fold in folds])
    without = [each[:2].mean()]
    for number, fold in enumerate(folds[:2]):
        for who in dict.fromkeys(fold.speakers):
            kept = np.array([name != who for name in fold.speakers])
            rest = each.copy()
            rest[number] = pearson(fold.truth[kept], fold.predictions[kept]).mean()
            without.append(rest.mean())
    effective = 102**2 / (9 * 10**2 + 12**2)
    expected = Jackknife([part_of(np.array(without), effective)], []).interval(each.mean())
    found = scores.interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.clusters == 10
    seeds = FoldScores.of(seeded(folds, 2, 0.0), "pearson").interval()
    assert (seeds.low, seeds.high) == pytest.approx((found.low, found.high))


def test_a_fold_without_a_score_leaves_the_others_their_speakers() -> None:
    folds = drawn((40, 50, 1), people=10)
    found, expected = (FoldScores.of(part, "pearson").interval() for part in (folds, folds[:2]))
    assert found == expected


def test_the_mean_score_is_that_of_the_interval() -> None:
    folds = seeded(drawn((30, 40)))
    folds[0].truth[:, 1] = 0.0
    for part in (folds, folds[1:]):
        assert score_over_folds(part, "ccc") == pytest.approx(FoldScores.of(part, "ccc").interval().estimate)
    np.testing.assert_array_equal(folds[0].take(np.array([3, 1])).truth, folds[0].truth[[3, 1]])


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_mean_over_targets_leaves_out_what_a_speakers_absence_leaves_constant(seeds) -> None:
    folds = drawn((40, 50), people=10)
    folds[0].truth[10:, 1] = 0.0  # of the second target the first speaker alone has any
    folds = seeded(folds, seeds, 0.0)
    scores = FoldScores.of(folds, "pearson")
    assert np.isnan(scores.interval(1).low)
    assert np.isfinite(scores.interval(0).low)
    rest = [pearson(f.truth[10 * (n == 0) :], f.predictions[0][10 * (n == 0) :]) for n, f in enumerate(folds)]
    expected = np.mean([np.mean([rest[0][0], rest[1][0]]), rest[1][1]])
    found, each = scores.interval(), FoldScores.of(folds, "pearson")._each
    assert np.isfinite(found.low)
    shares = each.filled().without[0][0, 0]
    own = np.mean([(shares[k] + each.mean[1, k]) / 2 for k in (0, 1)])
    assert own == pytest.approx(expected)
    other = FoldScores.of([f._replace(predictions=f.predictions[..., ::-1]) for f in folds], "pearson")
    assert np.isfinite(scores.less(other).p_value)
