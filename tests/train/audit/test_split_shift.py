"""Shift between splits: distances of numbers and names, with the chance that they come about by accident."""

from __future__ import annotations

import numpy as np
import pytest

from train.audit.split_shift import shift_between, summary


def test_numbers_that_do_not_overlap_are_as_far_apart_as_can_be() -> None:
    distance, chance = shift_between(np.arange(30.0), np.arange(100.0, 130.0))
    assert distance == 1
    assert chance < 1e-12
    distance, chance = shift_between(np.arange(30.0), np.arange(30.0))
    assert (distance, chance) == (0, 1)


def test_one_clip_on_a_side_tells_nothing() -> None:
    _, chance = shift_between(np.array([5.0]), np.arange(30.0))
    assert chance > 0.05


def test_names_are_compared_by_their_shares() -> None:
    wav, mp3 = np.array([".wav"] * 40), np.array([".mp3"] * 30 + [".wav"] * 10)
    distance, chance = shift_between(wav, mp3)
    assert distance == pytest.approx(0.75)
    assert chance < 1e-6
    assert shift_between(wav, wav) == (0, 1)


def test_a_sample_in_a_few_words() -> None:
    assert summary(np.array([".mp3"] * 3 + [".wav"])) == "75% .mp3, 25% .wav"
    assert summary(np.array([1.0, 2.0, 4.0])) == "median 2.0"
