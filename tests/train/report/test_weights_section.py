"""Weights that runs say of themselves are tables, whatever they weigh; runs without any have no section."""

from __future__ import annotations

import json
import shutil

import pytest

from train.checksums import replace_listed
from train.files import METRICS_FILE, json_text
from train.report.page import write_report
from train.report.weights_section import weights_sections


@pytest.fixture
def weighing(kept, tmp_path):
    """Make a copy of a run that says some weights of itself."""

    def make(name, **weights):
        run = tmp_path / name
        shutil.copytree(kept, run)
        metrics = json.loads((run / METRICS_FILE).read_text()) | weights
        replace_listed(run, {METRICS_FILE: json_text(metrics)})
        return run

    return make


def test_runs_that_say_none_have_no_section(kept):
    assert weights_sections({"a": [kept]}) == []


def test_means_over_the_runs_of_a_row(weighing):
    one = weighing("one", layer_weights={"audio": {"1": 0.25, "2": 0.75}, "face": {"1": 1.0}})
    two = weighing("two", layer_weights={"audio": {"1": 0.75, "2": 0.25}})
    title, words, table = weights_sections({"row": [one, two]})
    assert title == "## Weights"
    assert words == "Layer weights, mean over a row's runs:"
    assert table.splitlines()[2:] == ["| audio | 0.500 | 0.500 |", "| face | 1.000 | – |"]


def test_weights_without_names_have_a_line_for_each_row(weighing):
    one, two = (
        weighing(name, layer_weights={"1": share, "2": 1 - share})
        for name, share in zip("ab", (0.25, 0.5), strict=True)
    )
    assert weights_sections({"x": [one], "y": [two]})[2].splitlines()[0::2] == [
        "|  | 1 | 2 |",
        "| x | 0.250 | 0.750 |",
    ]
    assert weights_sections({"x": [one, two]})[2].splitlines()[2:] == ["| x | 0.375 | 0.625 |"]


def test_lists_and_numbers_are_weights_and_other_things_are_not(weighing):
    run = weighing(
        "x", fusion_weights={"<b>": [0.5, 0.25], "text": 0.125, "no": "x", "on": True}, odd_weights=7
    )
    parts = weights_sections({"a": [run], "b": [run]})
    assert len(parts) == 3
    assert parts[2].splitlines()[0] == "|  | of | 0 | 1 | weight |"
    assert parts[2].splitlines()[2:4] == [
        r"| a | \<b> | 0.500 | 0.250 | – |",
        "| a | text | – | – | 0.125 |",
    ]


def test_they_stand_on_the_page(weighing, tmp_path):
    run = weighing("shown", fusion_weights={"Joy": {"audio": 0.3, "text": 0.7}})
    text = write_report(run, tmp_path / "page").read_text(encoding="utf-8")
    assert "## Weights\n\nFusion weights, mean over a row's runs:\n\n| of | audio | text |" in text
