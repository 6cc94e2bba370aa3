"""Baselines, fidelity, confirmation and ensembles."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cache import CompactOptions, compact
from train import FitConfig, load_run
from train.runs.predict import predict
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


def test_fidelity_gives_the_difference_with_its_interval(cli, corpus, small_cache, tmp_path):
    options = [
        "--labels",
        corpus.labels,
        "--seeds",
        2,
        "--epochs",
        3,
        "--hidden",
        6,
        "--lr",
        0.02,
        "--workers",
        2,
    ]
    code, out, err = cli("fidelity", corpus.cache, small_cache, *options, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["difference"]["low"] <= found["difference"]["estimate"] <= found["difference"]["high"]
    expected = found["compact"]["estimate"] - found["full"]["estimate"]
    assert found["difference"]["estimate"] == pytest.approx(expected)
    for text in (err, (tmp_path / "out" / "audit.json").read_text()):
        assert "full: coverage, train" in text
        assert "compact: fitted outside train" in text
    code, out, err = cli("fidelity", small_cache, corpus.cache, *options, "--out", tmp_path / "two")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "was not made from" in err


def test_fidelity_of_another_compact_cache_shows_no_old_scores(cli, corpus, small_cache, tmp_path):
    compact(corpus.cache, tmp_path / "other", CompactOptions(pool=3, dtype="int8"), fit_on=None)
    args = ["--labels", corpus.labels, "--seeds", 1, "--epochs", 1, "--hidden", 3, "--workers", 1]
    args += ["--out", tmp_path / "out"]
    code, _, err = cli("fidelity", corpus.cache, small_cache, *args)
    assert code == 0, err
    code, out, err = cli("fidelity", corpus.cache, tmp_path / "other", *args)
    assert (code, out) == (1, "")
    assert "a finished run of another fit, different in recipe_id" in err.splitlines()[-1]


def test_a_strict_fidelity_refuses_a_projection_fitted_on_valid(cli, corpus, splits, tmp_path, monkeypatch):
    monkeypatch.setattr("cache.compaction.options.NARROW", 4)
    ids = list(splits.train.clip_ids + splits.valid.clip_ids)
    compact(corpus.cache, tmp_path / "leaky", CompactOptions(project=7, dtype="int8"), fit_on=ids)
    args = ["--labels", corpus.labels, "--out", tmp_path / "out", "--strict"]
    code, out, err = cli("fidelity", corpus.cache, tmp_path / "leaky", *args)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "compact: fitted outside train" in err
    assert not (tmp_path / "out").exists()


def test_confirm_fits_reference_and_best_rows_on_the_full_cache(cli, corpus, small_cache, tmp_path):
    (tmp_path / "grid.toml").write_text(
        "[base]\nhidden = 5\nepochs = 2\nbatch_size = 8\n[grid]\nlstm_layers = [1, 2]\n"
    )
    args = [
        "--labels",
        corpus.labels,
        "--grid",
        tmp_path / "grid.toml",
        "--seeds",
        1,
        "--out",
        tmp_path / "out",
    ]
    code, out, err = cli("ablate", small_cache, *args, "--confirm", corpus.cache, "--workers", 2)
    assert code == 0, err
    assert f"confirmed on {corpus.cache}" in out
    results = json.loads((tmp_path / "out" / "confirmed" / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == ["lstm_layers 1", "lstm_layers 2"]
    assert {row["cache"] for row in results["rows"]} == {str(corpus.cache)}


def test_an_ensemble_predicts_the_mean_of_its_seeds(cli, corpus, splits, tmp_path):
    args = ["--labels", corpus.labels, "--hidden", 4, "--epochs", 1, "--batch-size", 8]
    code, out, err = cli("fit", corpus.cache, *args, "--ensemble", 2, "--out", tmp_path / "both", "--json")
    assert code == 0, err
    assert json.loads(out)["runs"] == ["seed-0", "seed-1"]
    both = predict(load_run(tmp_path / "both"), corpus.cache, splits.valid.clip_ids)
    alone = [
        predict(load_run(tmp_path / "both" / f"seed-{seed}"), corpus.cache, splits.valid.clip_ids)
        for seed in (0, 1)
    ]
    np.testing.assert_allclose(both.values, (alone[0].values + alone[1].values) / 2)
    assert (
        cli("evaluate", tmp_path / "both", corpus.cache, "--labels", corpus.labels, "--permutations", 0)[0]
        == 0
    )
    assert cli("reproduce", tmp_path / "both")[0] == 1
