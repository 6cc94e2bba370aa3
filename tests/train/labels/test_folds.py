"""Folds hold every clip once, and each speaker's clips together."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import ConfigError
from train.labels.folds import Folding, divide


def test_every_clip_is_held_out_once_and_no_speaker_twice(splits):
    parts = divide(splits.train, Folding(4, "speaker"))
    assert sorted(np.concatenate([part.positions for part in parts]).tolist()) == list(range(60))
    speakers = [{splits.train.speakers[i] for i in part.positions} for part in parts]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 10


def test_by_clip_the_same_labels_give_the_same_folds(splits):
    folding = Folding(3, None, allow_overlap=True)
    one, two = divide(splits.train, folding), divide(splits.train, folding)
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(one, two, strict=True))
    assert [len(part.positions) for part in one] == [20, 20, 20]


def test_folds_by_clip_must_be_asked_for():
    with pytest.raises(ConfigError, match="--allow-speaker-overlap"):
        Folding(3)
