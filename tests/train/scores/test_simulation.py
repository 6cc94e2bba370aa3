"""Intervals hold the truth and tests keep their level on simulated corpora; full size in tests/bench/."""

from __future__ import annotations

import pytest

from tests.bench.simulate_statistics import Task, score_corpora, score_family
from tests.bench.simulated_corpora import Design

CORPORA = 200  # so that a share of 95 % comes out between 90.4 and 99.6 % (three standard errors)


@pytest.mark.parametrize(
    ("design", "metric"),
    [
        (Design(8, "log-normal", "normal", 3), "pearson"),
        (Design(15, "log-normal", "heavy", 1), "ccc"),
        (Design(30, "log-normal", "normal", 5), "pearson"),
        (Design(60, "log-normal", "heavy", 3), "pearson"),
        (Design(60, "equal", "normal", 3), "ccc"),
        (Design(30, "log-normal", "normal", 1), "spearman"),
    ],
    ids=lambda value: value.name if isinstance(value, Design) else value,
)
def test_intervals_hold_the_truth_and_equal_rows_differ_as_rarely_as_promised(design, metric):
    found = score_corpora(Task(design, (metric,), range(CORPORA)))
    assert found[metric, "corpora"] == CORPORA
    assert 0.904 <= found[metric, "held"] / CORPORA <= 0.99
    assert 0.005 <= found[metric, "rejected"] / CORPORA <= 0.09
    assert found[metric, "disagree"] == 0


def test_intervals_that_take_clips_for_independent_do_not():
    found = score_corpora(Task(Design(30, "equal", "normal", 1), ("pearson",), range(CORPORA), clips=True))
    assert found["pearson", "held"] / CORPORA < 0.91


def test_a_table_of_equal_rows_shows_a_difference_as_rarely_as_promised():
    found = score_family(Task(Design(15, "log-normal", "normal", 1), ("pearson",), range(CORPORA)))
    assert found["pearson", "rejected"] / CORPORA < 0.09
