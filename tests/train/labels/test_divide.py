"""Which training clips are set aside to choose the epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.errors import LabelError
from train.labels.divide import inner_split


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
