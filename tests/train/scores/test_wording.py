"""Words for numbers: three decimals, undefined said so, minus signs, p-values, captions, aligned columns."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from train.errors import LabelError
from train.scores.estimates import Interval
from train.scores.wording import (
    aligned,
    few_clusters_warning,
    few_fold_orders_warning,
    few_orders_warning,
    interval_caption,
    interval_text,
    metric_sign,
    p_cell,
    p_text,
    score_text,
    spread_cell,
    two_seeds_warning,
    typeset,
    why_no_interval,
)

INTERVAL = Interval(0.659, 0.416, 0.902, 0.95, "speaker", 60, 60.0, 3, "Student's t")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.659, 0.416, 0.902), "0.659 [0.416, 0.902]"),
        ((-0.0321, -0.1, 0.05), "-0.032 [-0.100, 0.050]"),
        ((0.5, math.nan, math.nan), "0.500 [no interval]"),
        ((0.5, None, None), "0.500 [no interval]"),
        ((math.nan, 0.1, 0.2), "undefined"),
        ((None, None, None), "undefined"),
    ],
)
def test_an_interval_and_what_is_said_where_there_is_none(values, text) -> None:
    assert interval_text(*values) == text


def test_scores_and_spreads() -> None:
    assert [score_text(value) for value in (0.12345, None, math.nan)] == ["0.123", "undefined", "undefined"]
    assert [spread_cell(value) for value in (0.0215, math.nan)] == ["0.021", "–"]
    assert typeset("+0.011 [-0.030, 0.053]") == "+0.011 [−0.030, 0.053]"


@pytest.mark.parametrize(
    ("value", "sentence", "cell"),
    [
        (0.0345, "p = 0.035", "0.035"),
        (0.0009, "p < 0.001", "<0.001"),
        (0.001, "p = 0.001", "0.001"),
        (math.nan, "p undefined", "–"),
        (None, "p undefined", "–"),
    ],
)
def test_p_values(value, sentence, cell) -> None:
    assert (p_text(value), p_cell(value)) == (sentence, cell)


def test_a_metric_has_its_sign() -> None:
    assert metric_sign("spearman") == "Spearman's ρ"
    with pytest.raises(LabelError, match="metric: found 'rho'"):
        metric_sign("rho")


def test_a_caption_says_speakers_seeds_and_warnings() -> None:
    assert interval_caption(INTERVAL) == "95 % Student's t interval (60 speakers; 3 seeds)"
    few = replace(INTERVAL, clusters=3, effective=3.0, seeds=1, warnings=("warning: few",))
    assert interval_caption(few) == (
        "95 % Student's t interval (3 speakers; one seed, so without the variation between seeds); warning: few"
    )
    unequal = replace(INTERVAL, effective=31.4)
    assert interval_caption(unequal) == (
        "95 % Student's t interval (60 speakers of unequal size, effectively 31; 3 seeds)"
    )
    unknown = replace(INTERVAL, by="clip")
    assert interval_caption(unknown) == ("95 % Student's t interval (clip-level, speakers unknown; 3 seeds)")


def test_a_missing_interval_says_why() -> None:
    assert why_no_interval(INTERVAL) == ""
    none = replace(INTERVAL, method="none", clusters=1, effective=1.0)
    assert why_no_interval(none) == "a single speaker does not tell how much scores vary"
    assert interval_caption(none).startswith("no interval: a single speaker")
    assert "left out the score is undefined" in why_no_interval(replace(none, clusters=3))
    assert interval_caption(replace(none, estimate=math.nan)).startswith("no interval (1 speaker")


def test_warnings_name_how_few() -> None:
    assert few_clusters_warning(1, 1.0, "clip") == "warning: only 1 clip, too few to trust the interval"
    assert two_seeds_warning().startswith("warning: only 2 seeds: ")
    assert "p cannot be below 0.031" in few_fold_orders_warning(32)
    assert few_fold_orders_warning(721) == ""
    assert few_orders_warning(3, "speaker", 6) == (
        "; warning: only 3 speakers in 6 orders, p cannot be below 0.17"
    )


def test_columns_are_aligned_without_blanks_at_the_end() -> None:
    rows = [["", "ρ", "n"], ["head", "0.5", "10"], ["mean only", "0.25", "7"]]
    assert aligned(rows, right=[False, False, True]) == [
        "           ρ      n",
        "head       0.5   10",
        "mean only  0.25   7",
    ]
    assert aligned([["a", ""], ["bb", " "]]) == ["a", "bb"]
    assert aligned([["a", "b"], ["aa", "bb"]], right=[False, True], gap="") == ["a  b", "aabb"]
