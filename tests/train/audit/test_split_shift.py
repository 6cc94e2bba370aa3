"""Shift between splits: distances of numbers and names, with the chance that they come about by accident."""

from __future__ import annotations

import numpy as np
import pytest

from train.audit.split_shift import _Distance, chance_by_speaker, shift_between, summary


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


def test_speakers_who_are_alike_make_distances_that_chance_makes_too() -> None:
    """On random divisions by speaker, few are told to be rare, however much speakers differ."""
    rng = np.random.default_rng(0)
    rare, by_clip = 0, 0
    for _ in range(200):
        count, held = int(rng.integers(6, 14)), int(rng.integers(1, 4))
        sizes = rng.integers(5, 60, count)
        who = np.repeat(np.arange(count), sizes)
        values = rng.standard_normal(count)[who] + 0.3 * rng.standard_normal(len(who))
        second = np.isin(who, rng.choice(count, held, replace=False))
        one, two = values[~second], values[second]
        joined, speakers = np.concatenate([one, two]), [*who[~second], *who[second]]
        distance, chance = shift_between(one, two)
        by_clip += distance > 0.1 and chance < 1e-3
        rare += chance_by_speaker(joined, speakers, len(one)) < 0.04
    assert by_clip > 100
    assert rare <= 10


def test_a_side_that_is_louder_as_a_whole_is_rare_by_speaker_too() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(20), 15)
    values = rng.standard_normal(300) + 3 * (who >= 16)
    assert chance_by_speaker(values, who.tolist(), 240) < 0.01
    names = np.where(who >= 16, ".mp3", ".wav")
    assert chance_by_speaker(names, who.tolist(), 240) < 0.01
    assert chance_by_speaker(np.full(300, ".wav"), who.tolist(), 240) == 1


def test_the_distance_of_a_division_is_that_of_the_two_samples() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal(40), rng.standard_normal(25) + 0.5
    found = _Distance(np.concatenate([one, two]))(np.arange(65) >= 40)
    assert found == pytest.approx(shift_between(one, two)[0])
    letters = np.array([*"aaabbc", *"abccc"])
    assert _Distance(letters)(np.arange(11) >= 6) == pytest.approx(shift_between(letters[:6], letters[6:])[0])
