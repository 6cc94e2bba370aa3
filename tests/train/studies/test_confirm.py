"""Confirmation: reference and best rows of a compact cache, fitted again on the full one."""

from __future__ import annotations

import json

import pytest

from train import FitConfig
from train.errors import RunError
from train.studies.ablation import ablate
from train.studies.confirm import confirm_rows
from train.studies.grid import component_rows
from train.studies.options import StudyOptions

BASE = FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3)


def test_a_confirmation_is_of_the_cache_it_names(corpus, splits, make_cache, tmp_path):

    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    other = make_cache(tmp_path / "other", corpus.truth, recipe)
    rows = component_rows(BASE, "cache")[-1:]
    options = StudyOptions(tmp_path / "out", [0], 1)
    found = ablate({"cache": corpus.cache}, splits, rows, options)
    confirm_rows(found, corpus.cache, splits, options)
    with pytest.raises(RunError, match="different in recipe_id"):
        confirm_rows(found, other, splits, options)


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
