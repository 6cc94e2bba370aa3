"""Confirmation: reference and best rows of a compact cache, fitted again on the full one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from train import FitConfig
from train.errors import RunError
from train.report.table import build_table
from train.runs.run_folder import METRICS_FIELDS
from train.studies.ablation import ablate
from train.studies.confirm import chosen_rows, confirm_rows, picked_apart
from train.studies.grid import component_rows
from train.studies.options import StudyOptions
from train.studies.scored import score_rows

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
    assert results["family"] == 0
    assert "Rows picked by their scores on the inner part of the training clips." in out


@pytest.fixture
def ten_rows(study_of):
    """Ten rows of which the last is best on the clips reported on; "3" and "5" were best on the inner part."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((40, 2))
    rows = {str(i): truth + (3 - i / 4) * rng.standard_normal((2, 40, 2)) for i in range(10)}
    study = study_of(truth, rows, "pearson")
    for row in study.rows:
        for number, run in enumerate(row.runs):
            (study.path / run).mkdir(parents=True, exist_ok=True)
            score = {"3": 0.9, "5": 0.8}.get(row.name, 0.1) + (-1) ** number * 0.3
            metrics = {"selection_score": score, **dict.fromkeys(("valid", "valid_clipped"))}
            metrics |= {name: kind() for name, kind in METRICS_FIELDS.items() if name not in metrics}
            (study.path / run / "metrics.json").write_text(json.dumps(metrics))
    return study


def with_select(study, select):
    rows = tuple(replace(row, config={**row.config, "lstm": True, "select": select}) for row in study.rows)
    return replace(study, rows=rows)


def test_rows_are_picked_by_clips_that_are_not_reported_on(ten_rows):
    study = with_select(ten_rows, "inner")
    assert picked_apart(study)
    assert [row.name for row in chosen_rows(study)] == ["0", "3", "5"]


@pytest.mark.parametrize("select", ["valid", "last"])
def test_rows_picked_by_the_clips_reported_on_pay_for_all_they_were_picked_from(ten_rows, select):
    study = with_select(ten_rows, select)
    assert not picked_apart(study)
    assert [row.name for row in chosen_rows(study)] == ["0", "9", "8"]
    few = replace(study, rows=tuple(chosen_rows(study)))
    alone, corrected = score_rows(few), score_rows(replace(few, family=9))
    assert corrected.p_values[1] == pytest.approx(min(1, 9 / 2 * alone.p_values[1]))
    assert (
        "p after Holm for the 9 differences they were picked from"
        in build_table(replace(few, family=9), corrected).caption
    )
