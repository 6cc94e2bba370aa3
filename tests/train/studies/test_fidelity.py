"""Fidelity: what a compact cache costs, with its interval; never of another cache."""

from __future__ import annotations

import json

import pytest

from cache import CompactOptions, compact


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
    monkeypatch.setattr("cache.compaction.fields.NARROW", 4)
    ids = list(splits.train.clip_ids + splits.valid.clip_ids)
    compact(corpus.cache, tmp_path / "leaky", CompactOptions(project=7, dtype="int8"), fit_on=ids)
    args = ["--labels", corpus.labels, "--out", tmp_path / "out", "--strict"]
    code, out, err = cli("fidelity", corpus.cache, tmp_path / "leaky", *args)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "compact: fitted outside train" in err
    assert not (tmp_path / "out").exists()
