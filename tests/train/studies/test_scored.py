"""Scores of a study: intervals, paired differences, Holm over its rows, spread; and as JSON values."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cache.common.console import json_ready
from train.scores.holm import holm
from train.scores.intervals import paired_difference, score_interval
from train.studies.scored import describe, score_rows

ROWS = ("head", "noisy", "noise", "constant")


@pytest.fixture
def made(study_of):
    """Four rows of two seeds, one of which is undefined."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((48, 2))
    values = {
        "head": truth + 0.5 * rng.standard_normal((2, 48, 2)),
        "noisy": truth + 2.0 * rng.standard_normal((2, 48, 2)),
        "noise": rng.standard_normal((2, 48, 2)),
        "constant": np.zeros((2, 48, 2)),
    }
    return study_of(truth, values, "pearson", [f"s{clip % 8}" for clip in range(48)]), values


def test_rows_are_scored_as_each_would_be_alone(made) -> None:
    study, values = made
    scores = score_rows(study)
    for name, interval in zip(ROWS[:3], scores.intervals, strict=False):
        assert interval == score_interval(study.truth, values[name], "pearson", study.speakers)
    assert math.isnan(scores.intervals[3].estimate)


def test_differences_are_paired_and_their_p_values_corrected_together(made) -> None:
    study, values = made
    scores = score_rows(study)
    pairs = [
        paired_difference(study.truth, values[name], values["head"], "pearson", study.speakers)
        for name in ("noisy", "noise")
    ]
    assert scores.differences == [None, pairs[0].interval, pairs[1].interval, None]
    np.testing.assert_allclose(scores.p_values[1:3], holm([pair.p_value for pair in pairs]))
    assert [math.isnan(value) for value in scores.p_values] == [True, False, False, True]


def test_the_spread_is_that_of_seeds(made) -> None:
    study, values = made
    alone = [
        np.mean([np.corrcoef(one[:, k], study.truth[:, k])[0, 1] for k in (0, 1)]) for one in values["noisy"]
    ]
    assert score_rows(study).spread[1] == pytest.approx(np.std(alone, ddof=1))


def test_a_study_is_described_as_json_values(made) -> None:
    study, _ = made
    found = describe(study, score_rows(study))
    assert [row["name"] for row in found["rows"]] == list(ROWS)
    assert (found["reference"], found["caption"], found["rows"][0]["lr"]) == ("head", "A study.", 0.001)
    assert found["rows"][0]["difference"] is None
    assert found["rows"][1]["pearson"]["clusters"] == 8
    assert json.dumps(json_ready(found), allow_nan=False)
