"""Rows side by side: the scores and differences of the statistics, for whichever row is the reference."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from train.report.html.contest import MOST_ROWS, comparable, contestants, differences, scored_rows
from train.report.html.source import Row, read_source
from train.report.table import difference_cell, interval_cell
from train.scores.folds import FoldScores
from train.scores.wording import p_cell
from train.studies.scored import score_rows


def test_differences_from_the_reference_are_those_of_the_study(study):
    source = read_source(study.path)
    found = contestants([source])
    scores = score_rows(study)
    at = [row.name for row in study.rows].index(study.reference)
    shown = differences(found, [source])[at]
    rows = scored_rows(found, 3)
    for n, row in enumerate(study.rows):
        assert rows[n]["score"]["text"] == interval_cell(scores.intervals[n])
        if row.name == study.reference:
            assert shown[n]["text"] == "reference"
            continue
        assert shown[n]["text"] == difference_cell(scores.differences[n])
        assert shown[n]["p"] == p_cell(scores.p_values[n])


def test_every_row_may_be_the_reference_and_the_sign_turns_round(source_of):
    source = source_of(4)
    found = differences(contestants([source]), [source])
    assert sorted(found) == [0, 1, 2, 3]
    for one in range(4):
        for other in range(one):
            there, back = found[one][other], found[other][one]
            assert there["estimate"] == pytest.approx(-back["estimate"], abs=1e-6)
            assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=1e-6)


def test_of_many_rows_only_the_reference_is_one(source_of):
    source = source_of(MOST_ROWS + 1)
    assert list(differences(contestants([source]), [source])) == [0]


def test_picked_rows_are_corrected_for_all_they_were_picked_from(source_of):
    source = source_of(2)
    few = differences(contestants([source]), [source])[0][1]
    picked = dataclasses.replace(source, family=1000)
    many = differences(contestants([picked]), [picked])[0][1]
    assert few["sure"]
    assert many["p"] != few["p"]


def test_folders_are_compared_only_on_the_same_clips(source_of):
    ours = source_of(2)
    theirs = dataclasses.replace(ours, path=Path("other"))
    moved = dataclasses.replace(ours, clips=dataclasses.replace(ours.clips, ids=ours.clips.ids[::-1]))
    assert comparable(ours, theirs)
    assert not comparable(ours, moved)
    assert not comparable(ours, source_of(2, seed=1))
    found = contestants([ours, theirs])
    assert [row["text"] for row in differences(found, [ours, theirs])[0]].count("reference") == 1
    same = differences(found, [ours, theirs])[0][2]
    assert same["estimate"] == 0, "the same row of another folder"
    apart = differences(contestants([ours, moved]), [ours, moved])[0]
    assert [row["text"] for row in apart[2:]] == ["undefined", "undefined"]


def test_an_undefined_row_has_no_difference(source_of):
    source = source_of(2)
    constant = Row("constant", (source.rows[0].folds[0]._replace(predictions=np.zeros((1, 40, 3))),))
    source = dataclasses.replace(source, rows=(*source.rows, constant))
    found = contestants([source])
    assert scored_rows(found, 0)[2]["score"]["estimate"] is None
    assert differences(found, [source])[0][2]["text"] == "undefined"
    assert {each["text"] for each in differences(found, [source])[2]} == {"undefined", "reference"}


def test_a_single_row_has_no_differences(source_of):
    source = source_of(1)
    assert differences(contestants([source]), [source]) == {}
    assert isinstance(contestants([source])[0].scores, FoldScores)
