"""Targets that are classes: what counts as such, and what is told where they are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.errors import LabelError
from train.labels.classes import (
    is_one_hot,
    require_known_classes,
    require_one_hot,
    require_shares,
    short_names,
)

ONES = np.eye(3)


@pytest.fixture
def labels_of(splits):
    def make(targets, names=("a", "b", "c")):
        few = splits.train.take(range(len(targets)))
        return replace(few, targets=np.array(targets, dtype=np.float64), names=tuple(names))

    return make


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (ONES, True),
        (np.vstack([ONES, np.full(3, np.nan)]), True),
        (np.vstack([ONES, [1, np.nan, 0]]), False),
        (np.vstack([ONES, [0, 0, 0]]), False),
        (np.vstack([ONES, [1, 1, 0]]), False),
        (np.vstack([ONES, [0.5, 0.5, 0]]), False),
        (np.ones((4, 1)), False),
        (np.empty((0, 3)), False),
    ],
)
def test_each_clip_has_exactly_one_class(targets, expected):
    assert is_one_hot(targets) is expected


def test_shares_are_one_in_all(labels_of):
    require_shares(labels_of(np.vstack([ONES, [0.25, 0.5, 0.25]])), "loss x")
    for wrong, told in (([0, 0, 0], "found 0 for a clip"), ([-1, 1, 1], ""), ([1, np.nan, 0], "found nan")):
        with pytest.raises(LabelError, match=rf"loss x needs classes.*{told}"):
            require_shares(labels_of(np.vstack([ONES, wrong])), "loss x")
    with pytest.raises(LabelError, match="found one target"):
        require_shares(labels_of([[1], [1]], "a"), "loss x")
    with pytest.raises(LabelError, match="metric y needs classes"):
        require_one_hot(labels_of([[0.5, 0.5, 0]]), "metric y")


def test_a_class_that_a_head_does_not_know_is_told(labels_of):
    names = ("joy", "e=a", "e=b")
    labels = labels_of([[0.5, 1, 0], [0.5, 0, 0]], names)
    with pytest.raises(LabelError, match="1 of 2 clips have a e that the head does not know, such as 00001"):
        require_known_classes(labels, np.array([0.5, 0.25, 0.75]))
    require_known_classes(labels, np.array([0.5, 0.25, 0.5]))  # it was one of several against the others
    require_known_classes(labels.take([0]), np.array([0.5, 0.25, 0.75]))


def test_classes_of_one_column_are_called_by_their_own_names():
    assert short_names(("e=a", "e=b=c")) == ("a", "b=c")
    assert short_names(("e=a", "f=b")) == ("e=a", "f=b")
    assert short_names(("a", "b")) == ("a", "b")
