"""A study: it comes back from its folder, and its predictions are read once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache import read_table
from train.errors import RunError
from train.report.page import write_report
from train.report.table import write_tables
from train.studies.scored import describe, score_rows
from train.studies.study import load_study, save_study


@pytest.fixture
def reads(monkeypatch):
    """How often each table of predictions was opened."""
    count: Counter[Path] = Counter()

    def counted(path):
        if path.name == "predictions.csv":
            count[path] += 1
        return read_table(path)

    for module in ("train.studies.study", "train.report.page"):
        monkeypatch.setattr(f"{module}.read_table", counted)
    return count


def test_a_study_comes_back_from_its_folder(study):
    again = load_study(study.path)
    np.testing.assert_array_equal(again.truth, study.truth)
    assert (again.rows, again.caption, again.names) == (study.rows, study.caption, study.names)
    assert again.speakers == study.speakers


def test_statistics_tables_and_pictures_read_each_prediction_once(study, reads):
    again = load_study(study.path)
    score_rows(again)
    whole = replace(again, rows=again.rows[:-1])  # as when the baselines are added below
    scores = score_rows(whole)
    write_tables(whole, scores)
    describe(whole, scores)
    assert len(reads) == 24 == reads.total()


def test_a_report_reads_each_prediction_once(study, reads, tmp_path):
    write_report(study.path, tmp_path / "study")
    assert len(reads) == 24 == reads.total()


def test_a_run_of_other_clips_or_targets_is_no_part_of_a_study(study, tmp_path):
    other = replace(study, clip_ids=("absent", *study.clip_ids[1:]), loaded={})
    with pytest.raises(RunError, match="no prediction for clip absent; it is a run of another study"):
        other.predictions(other.rows[0])
    other = replace(study, names=study.names[::-1], loaded={})
    with pytest.raises(RunError, match="predicts Filename, Admiration, Amusement, Empathic Pain"):
        other.predictions(other.rows[0])


def test_a_folder_without_results_is_no_study(study, tmp_path):
    with pytest.raises(RunError, match="holds no finished study"):
        load_study(tmp_path)
    save_study(replace(study, path=tmp_path))
    assert load_study(tmp_path).rows == study.rows
    (tmp_path / "results.json").write_text('{"rows": []}')
    with pytest.raises(RunError, match="not a study that this version knows"):
        load_study(tmp_path)


def test_missing_labels_come_back_from_the_folder(study_of, tmp_path):
    truth = np.random.default_rng(0).random((6, 2))
    truth[1, 0] = truth[4, 1] = np.nan
    made = study_of(truth, {"a": np.zeros((1, 6, 2))})
    save_study(made)
    assert (tmp_path / "truth.csv").read_text().splitlines()[2].startswith("001,,0.")
    np.testing.assert_array_equal(load_study(tmp_path).truth, truth)
