"""Batches hold like lengths under a budget, in the order of arrival, whatever the timing."""

from __future__ import annotations

import pytest

from extract.run.shards.batches import batches

SECOND = 16_000


def cut(seconds: list[float], budget: float, equal: bool = False) -> list[list[float]]:
    return list(batches(((s, round(s * SECOND)) for s in seconds), lambda: budget, equal))


@pytest.mark.parametrize(
    ("seconds", "budget", "expected"),
    [
        ([3, 2, 1], 0.0, [[3], [2], [1]]),
        ([3, 2, 1], 6.0, [[3, 2], [1]]),
        ([3, 2, 1], 9.0, [[3, 2, 1]]),
        ([1, 3], 5.0, [[1], [3]]),
        ([9, 1], 2.0, [[9], [1]]),
        ([], 2.0, []),
    ],
)
def test_a_batch_is_as_long_as_its_longest_clip_times_their_number(seconds, budget, expected) -> None:
    assert cut(seconds, budget) == expected


def test_equal_lengths_stay_among_themselves() -> None:
    assert cut([2, 2, 1, 1, 1], 4.0, equal=True) == [[2, 2], [1, 1, 1]]


def test_a_budget_that_shrinks_on_the_way_counts_from_then_on() -> None:
    budget = [4.0]
    stream = batches(((s, s * SECOND) for s in [1] * 8), lambda: budget[0], False)
    assert next(stream) == [1, 1, 1, 1]
    budget[0] = 2.0
    assert [len(batch) for batch in stream] == [2, 2]
