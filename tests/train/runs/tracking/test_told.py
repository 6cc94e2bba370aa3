"""What trackers are told: config, epochs, scores with their interval; names that every tracker takes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from train import load_run
from train.runs.tracking.told import about_run, as_parameter, finite, passes_of, scores_of, unlike


def test_a_run_is_told_by_its_files(kept):
    run, about = load_run(kept), about_run(kept, "one")
    assert about.parameters["hidden"] == run.config.hidden
    assert about.metric == "inner pearson"
    assert about.key == about_run(kept, "one").key != about_run(kept, "two").key
    (records,) = passes_of(kept).values()
    assert [each.epoch for each in records] == [1, 2, 3, 4][: len(records)]
    found, valid = scores_of(kept, run.metrics), run.metrics["valid"]["pearson"]
    assert found["valid/pearson"] == valid["mean"]
    assert found["valid/pearson low"] == run.metrics["interval"]["low"]
    assert found["valid/pearson/Empathic Pain"] == valid["per_target"]["Empathic Pain"]
    assert found["epoch kept"] == run.metrics["epoch"]


def test_parameters_are_short_and_numbers_stay():
    assert [as_parameter(each) for each in (1, 0.5, True, None, "x" * 1000)] == [
        1,
        0.5,
        True,
        "none",
        "x" * 500,
    ]
    assert as_parameter({"a": [1, 2]}) == '{"a": [1, 2]}'
    assert finite({"a": 1, "b": None, "c": float("nan"), "d": float("inf")}) == {"a": 1.0}


@given(st.lists(st.text(), unique=True))
def test_names_are_plain_and_stay_apart(names):
    found = unlike(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[\w. -]{1,250}", name, re.ASCII) for name in found.values())
    assert not any(name.startswith(".") for name in found.values())
