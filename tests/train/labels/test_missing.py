"""Missing labels: which clips have one, and statistics over these alone."""

from __future__ import annotations

import numpy as np

from train.labels.missing import alike, labelled, missing_counts, range_of, without_score

NAN = np.nan
TARGETS = np.array([[1.0, NAN, 3.0, NAN], [NAN, 2.0, NAN, NAN], [5.0, 4.0, 0.0, NAN]])


def test_targets_that_the_same_clips_have_are_one_group():
    groups = [(each.targets.tolist(), each.clips.tolist()) for each in alike(TARGETS)]
    assert groups == [
        ([0, 2], [True, False, True]),
        ([1], [False, True, True]),
        ([3], [False, False, False]),
    ]


def test_missing_labels_are_counted_by_target():
    assert labelled(TARGETS).tolist() == [True, True, True, False]
    assert missing_counts(TARGETS, "abcd") == {"a": 1, "b": 1, "c": 1, "d": 3}
    assert missing_counts(TARGETS[2:, :3], "abc") == {}


def test_mean_and_range_are_of_the_labels_that_are_there():
    found = range_of(TARGETS[:, :3])
    np.testing.assert_array_equal(found, [[3, 3, 1.5], [1, 2, 0], [5, 4, 3]])
    whole = np.random.default_rng(0).random((50, 3))
    np.testing.assert_array_equal(range_of(whole), [whole.mean(0), whole.min(0), whole.max(0)])


def test_a_target_without_any_label_is_named_with_what_the_mean_is_over():
    text = without_score({"a": 1, "d": 3}, clips=3, targets=4)
    assert text == "no label of d among these clips, so no score; means are over the other 3 of 4 targets"
    assert without_score({"a": 1}, clips=3, targets=4) == ""
