"""Which clips choose the epoch, in which order clips are seen, and how fast the head learns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import FitConfig
from train.errors import LabelError
from train.features.order import epoch_batches, scoring_batches
from train.fitting.fit import learning_rate
from train.labels.divide import inner_split, is_better


@settings(max_examples=60, deadline=None)
@given(
    people=st.lists(st.sampled_from(["a", "b", "c", "d", "e", None]), min_size=6, max_size=60),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
)
def test_no_speaker_is_on_both_sides(people, share, seed):
    ids = [str(index) for index in range(len(people))]
    try:
        split = inner_split(ids, people, share, seed)
    except LabelError:  # one speaker has so many clips that nothing can be set aside
        return
    assert sorted([*split.fit, *split.inner]) == list(range(len(people)))
    assert len(split.fit) >= 1
    assert len(split.inner) >= 2
    if split.by == "speaker":
        sides = [{people[i] for i in side} - {None} for side in (split.fit, split.inner)]
        assert not sides[0] & sides[1]
    assert all(
        np.array_equal(one, two)
        for one, two in zip(split[:2], inner_split(ids, people, share, seed)[:2], strict=True)
    )


def test_the_inner_part_has_about_the_share_asked_for():
    ids = [str(index) for index in range(500)]
    split = inner_split(ids, [f"s{index // 10}" for index in range(500)], 0.2, seed=3)
    assert (len(split.inner), split.by) == (100, "speaker")
    assert inner_split(ids, [None] * 500, 0.2, seed=3).by == "clip"
    assert inner_split(ids, ["one"] * 500, 0.2, seed=3).by == "clip"
    assert not np.array_equal(split.inner, inner_split(ids, [None] * 500, 0.2, seed=4).inner)


def test_two_clips_cannot_be_divided():
    with pytest.raises(LabelError, match=r"2 training clips cannot be divided.*--select last"):
        inner_split(["a", "b"], [None, None], 0.2, seed=0)


def test_an_undefined_score_is_never_better():
    assert not is_better(math.nan, None)
    assert is_better(-1.0, None)
    assert not is_better(0.5, 0.5)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 600), min_size=1, max_size=100),
    size=st.integers(1, 40),
    epoch=st.integers(0, 5),
    by_length=st.booleans(),
)
def test_an_epoch_sees_every_clip_once(lengths, size, epoch, by_length):
    batches = epoch_batches(np.array(lengths), size, seed=1, epoch=epoch, by_length=by_length)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= size
    assert len(batches) == math.ceil(len(lengths) / size)
    scored = np.concatenate(scoring_batches(np.array(lengths), size))
    assert sorted(scored.tolist()) == list(range(len(lengths)))


def test_batches_change_with_the_epoch_and_save_padding():
    lengths = np.random.default_rng(0).integers(20, 600, 1000)

    def padded(batches):
        return sum(len(batch) * lengths[batch].max() for batch in batches) / lengths.sum()

    first, again, second = (epoch_batches(lengths, 32, 0, epoch) for epoch in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert {frozenset(batch.tolist()) for batch in first}.isdisjoint({frozenset(b.tolist()) for b in second})
    assert padded(first) < 1.15
    assert padded(epoch_batches(lengths, 32, 0, 0, by_length=False)) > 1.6


def test_the_learning_rate_warms_up_for_an_epoch_and_ends_at_zero():
    config = FitConfig(lr=1.0, epochs=10)
    rates = [learning_rate(step, 20, config) for step in range(200)]
    assert rates[0] == pytest.approx(1 / 20)
    assert rates[19] == 1.0
    assert rates[20] == 1.0
    assert rates[110] == pytest.approx(0.5)
    assert rates[-1] < 1e-3
    assert all(one >= two for one, two in itertools.pairwise(rates[20:]))
