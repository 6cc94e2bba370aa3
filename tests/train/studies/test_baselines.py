"""Baselines: they rank as the corpus was built, alone and below the rows of a study."""

from __future__ import annotations

import json

from train import FitConfig
from train.studies.baselines import baseline


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
