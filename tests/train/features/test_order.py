"""In which order clips are seen, and which share a batch."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.features.order import epoch_batches, scoring_batches


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
