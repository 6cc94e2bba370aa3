"""Baselines: they rank as the corpus was built, alone and below the rows of a study."""

from __future__ import annotations

import json

import numpy as np

from train import FitConfig
from train.studies.ablation import ablate
from train.studies.floor.baselines import baseline, with_baselines
from train.studies.grid import component_rows
from train.studies.options import StudyOptions
from train.studies.scored import score_rows
from train.studies.study import load_study


def test_the_baselines_rank_as_the_corpus_was_built(corpus, splits, tmp_path):
    study = baseline(corpus.cache, splits, FitConfig(select="last"), tmp_path / "out")
    scores = {}
    for row in study.rows:
        metrics = json.loads((study.path / row.runs[0] / "metrics.json").read_text())
        scores[row.name] = metrics["valid"]["pearson"]["mean"]
    assert scores["constant"] is None
    assert scores["global mean, ridge"] > 0.5
    assert scores["global mean, SVR"] > 0.5
    assert scores["VAD, ridge"] > 0.5
    assert scores["frame statistics, ridge"] > 0.5
    assert scores["frame statistics, SVR"] > 0.5
    assert abs(scores["duration + loudness"] or 0) < 0.5
    assert study.row("global mean, ridge").parameters == 3 * 12


def test_the_baseline_command_prints_a_table_and_refuses_foreign_folders(cli, corpus, tmp_path):
    args = ["baseline", corpus.cache, "--labels", corpus.labels]
    code, out, err = cli(*args, "--out", tmp_path / "out")
    assert code == 0, err
    assert "undefined" in out
    assert "global mean, SVR" in out
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years")
    code, out, err = cli(*args, "--out", tmp_path / "thesis")
    assert (code, out) == (1, "")
    assert "holds files that are no baselines" in err.splitlines()[-1]


def test_baselines_below_a_study_are_paired_with_its_reference(corpus, splits, tmp_path):
    rows = component_rows(FitConfig(hidden=3, epochs=1, batch_size=8), "cache")[-1:]
    own = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path))
    whole = with_baselines(own, corpus.cache, splits, rows[0].config)
    assert [row.name for row in whole.rows[1:]] == [
        "baseline: constant",
        "baseline: duration + loudness",
        "baseline: VAD, ridge",
        "baseline: global mean, ridge",
        "baseline: global mean, SVR",
        "baseline: frame statistics, ridge",
        "baseline: frame statistics, SVR",
    ]
    assert whole.rows[1].runs == ("floor/baselines/constant",)
    assert whole.reference == own.reference
    assert load_study(tmp_path).rows == whole.rows
    assert score_rows(whole).differences[4] is not None
    alone = load_study(tmp_path / "floor")
    np.testing.assert_array_equal(
        alone.predictions(alone.rows[3])[0], whole.predictions(whole.row("baseline: global mean, ridge"))[0]
    )
