"""Scores fold by fold: means over seeds, differences, and what a speaker's absence leaves constant."""

from __future__ import annotations

import numpy as np

from train.scores.fold_table import FoldTable, mean_over_folds

NAN = np.nan


def table():
    """Two folds of two seeds and two targets, the second of which is undefined without the first's speaker 0."""
    estimate = (np.array([[0.2, 0.4], [0.4, 0.6]]), np.array([[0.6, 0.8], [0.8, 0.6]]))
    without = (np.array([[[0.1, NAN], [0.3, NAN]], [[0.3, 0.5], [0.5, 0.7]]]), np.full((2, 2, 2), 0.5))
    return FoldTable(estimate, without)


def test_a_seed_without_a_score_leaves_the_fold_without_one() -> None:
    np.testing.assert_allclose(table().mean, [[0.3, 0.5], [0.7, 0.7]])
    some = FoldTable((np.array([[0.2], [NAN]]), np.array([[0.4], [0.6]])), table().without)
    np.testing.assert_allclose(mean_over_folds(some.mean), [0.5])
    assert np.isnan(mean_over_folds(np.full((3, 1), NAN))).all()


def test_what_is_undefined_without_a_speaker_becomes_the_mean_of_the_other_folds() -> None:
    filled = table().filled()
    np.testing.assert_allclose(filled.without[0][0], [[0.1, 0.8], [0.3, 0.6]])
    np.testing.assert_array_equal(filled.without[0][1], table().without[0][1])
    np.testing.assert_array_equal(filled.without[1], table().without[1])
    alone = FoldTable(table().estimate[:1], table().without[:1]).filled()
    assert np.isnan(alone.without[0][0, :, 1]).all(), "a plain split has no other fold"


def test_differences_and_means_are_taken_seed_by_seed() -> None:
    found = table().less(table().averaged())
    np.testing.assert_allclose(found.estimate[0], [[-0.1, -0.1], [0.1, 0.1]])
    np.testing.assert_allclose(found.mean, 0, atol=1e-12)
    assert table().averaged().without[0].shape == (2, 1, 2)
