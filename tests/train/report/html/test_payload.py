"""What a page shows as JSON: the numbers of the statistics, within a size, and never markup."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.report.html import payload as made
from train.report.html.page import page_text
from train.report.html.payload import json_in_html, payload
from train.report.html.source import Row
from train.report.plots import Curves
from train.scores.evidence import group_scores
from train.scores.wording import score_text


@given(st.text() | st.lists(st.text(st.sampled_from("<>&/scriptSCRIPT!-\u2028\u2029\"'\\")), max_size=5))
def test_text_in_html_is_neither_markup_nor_lost(values):
    text = json_in_html({"a": values})
    assert not set("<>&\u2028\u2029") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"a": values}


def test_what_is_not_a_number_is_null():
    assert json.loads(json_in_html([np.nan, np.float64(0.5), np.arange(2)])) == [None, 0.5, [0, 1]]


def test_labels_and_predictions_are_those_of_the_clips(source_of):
    source = source_of(2)
    truth = source.clips.truth.copy()
    truth[3, 1] = np.nan
    source = dataclasses.replace(source, clips=dataclasses.replace(source.clips, truth=truth))
    values = payload([source], {"00003": "media/3.wav"})
    (shown,) = values["sources"]
    assert shown["truth"][1][3] is None
    np.testing.assert_allclose(shown["truth"][0], truth[:, 0], rtol=1e-4)
    np.testing.assert_allclose(shown["deviations"], np.nanstd(truth, axis=0), rtol=1e-4)
    mean = source.rows[1].folds[0].predictions.mean(0)
    np.testing.assert_allclose(np.transpose(values["rows"][1]["predictions"]), mean, rtol=1e-4, atol=1e-5)
    assert [n for n, each in enumerate(shown["sounds"]) if each] == [3]
    assert values["rows"][values["reference"]]["name"] == "row 0"


def test_beyond_the_limit_the_reference_keeps_its_predictions(source_of, monkeypatch):
    source = source_of(3, reference="row 2")
    monkeypatch.setattr(made, "MOST_NUMBERS", 3 * 40 * 3)  # labels and two rows
    rows = payload([source], {})["rows"]
    assert [row["predictions"] is not None for row in rows] == [True, False, True]


def test_5000_clips_of_6_targets_and_12_rows_are_a_page_of_less_than_8_megabytes(source_of):
    source = source_of(12, 5000, "abcdef")
    start = time.perf_counter()
    text = page_text(json_in_html(payload([source], {})))
    assert len(text) < 8_000_000
    assert all(row["predictions"] for row in payload([source], {})["rows"])
    assert time.perf_counter() - start < 60


def test_thousands_of_targets_are_cut_and_that_is_told(source_of):
    source = source_of(1, 400, [f"t{n}" for n in range(1000)])
    (shown,) = payload([source], {})["sources"]
    assert (len(shown["targets"]), shown["all_targets"]) == (750, 1000)


def test_groups_are_scored_as_evaluate_does(source_of):
    source = source_of(2)
    groups = tuple("ab"[n % 2] for n in range(40))
    source = dataclasses.replace(source, clips=dataclasses.replace(source.clips, groups=groups))
    table = payload([source], {})["sources"][0]["groups_table"]
    first = group_scores(list(source.rows[0].folds), [groups], "pearson")
    assert table["header"] == ["", "a (20)", "b (20)"]
    assert [cell.split()[0] for cell in table["rows"][0][1:]] == [
        score_text(each["estimate"]) for each in first
    ]
    assert payload([source_of(1)], {})["sources"][0]["groups_table"] is None


def test_rows_of_several_folders_are_told_apart(source_of, tmp_path):
    one = source_of(2, path=tmp_path / "one")
    other = source_of(1, path=tmp_path / "other", reference="other")
    other = dataclasses.replace(other, rows=(Row("other", other.rows[0].folds),))
    values = payload([one, other], {})
    assert [row["name"] for row in values["rows"]] == ["one: row 0", "one: row 1", "other"]
    assert values["apart"] == ""
    assert [score["text"] for score in values["rows"][0]["targets"]]
    apart = payload([one, source_of(1, seed=3, path=tmp_path / "x" / "one")], {})
    assert "have no differences" in apart["apart"]
    assert apart["rows"][2]["name"] == f"{tmp_path / 'x' / 'one'}: row 0"


def test_curves_are_those_of_the_fits(source_of):
    curves = {f"row {n}": Curves(["seed-0"], [np.array([0.5, np.nan, 0.7])], [3]) for n in range(30)}
    (shown,) = payload([source_of(1, curves=curves)], {})["sources"]
    assert shown["curves"][0]["runs"] == [{"name": "seed-0", "values": [0.5, None, 0.7], "epoch": 3}]
    assert (len(shown["curves"]), shown["curves_left_out"]) == (made.MOST_CURVES, 30 - made.MOST_CURVES)


@pytest.mark.parametrize("name", ["\u202eevil", "a\nb", "\x1b[31m"])
def test_names_are_one_line_without_what_a_screen_obeys(name, source_of):
    source = source_of(1, names=(name, "b", "c"))
    text = json.dumps(payload([source], {}), ensure_ascii=False)
    assert name not in text
    assert not set("\u202e\n\x1b") & set(text)
