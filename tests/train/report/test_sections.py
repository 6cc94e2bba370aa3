"""Sections of a report: a row for each row, commands that make it again, and no claim beyond what is known."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from train.audit.checks import Audit, Check
from train.errors import RunError
from train.report.sections import (
    audit_section,
    coverage_section,
    emotions_section,
    environment_section,
    metrics_section,
    null_section,
    reproduce_section,
)
from train.scores.intervals import score_interval
from train.scores.permutation import permutation_null
from train.studies.study import Study, load_study


@pytest.mark.parametrize(
    ("speakers", "orders"),
    [(3, "3 speakers in 6 orders, p cannot be below 0.17"), (4, "24 orders"), (20, "")],
)
def test_chance_claims_no_more_than_its_orders_can_tell(speakers, orders, tmp_path):
    who = tuple(f"s{i % speakers}" for i in range(60))
    truth = np.random.default_rng(0).random((60, 1))
    study = Study(tmp_path, (), "head", "pearson", "", "inner", ("a",), tuple("c" * 60), truth, who)
    text = null_section(study, permutation_null(truth, truth[None], "pearson", who, 200))
    assert orders in text
    assert ("warning: only" in text) is bool(orders)
    assert ("in one case of twenty" in text) is (speakers > 3)


def test_tables_of_a_study_have_a_row_for_each_of_its_rows(study_of):
    rng = np.random.default_rng(0)
    truth = rng.random((30, 2))
    rows = {"head": truth + rng.random((1, 30, 2)), "flat | head": np.zeros((1, 30, 2))}
    study = study_of(truth, rows)
    intervals = {
        name: [score_interval(truth[:, [k]], values[:, :, [k]], "pearson", None) for k in (0, 1)]
        for name, values in rows.items()
    }
    lines = emotions_section(study, intervals).splitlines()
    assert lines[0] == "|  | a | b |"
    assert lines[2].startswith(f"| head | {intervals['head'][0].estimate:.3f} [")
    assert lines[3] == "| flat \\| head | undefined | undefined |"
    means = {"head": {"valid pearson": -0.25}, "flat | head": {}}
    lines = metrics_section(study, means).splitlines()
    assert lines[0].startswith("|  | ρ | CCC | Spearman's ρ | MAE | ρ, clipped |")
    assert lines[2].startswith("| head | −0.250 | undefined |")


def test_how_a_study_is_made_again_and_what_it_was_made_with(study, tmp_path):
    lines = reproduce_section(study).splitlines()
    assert (lines[0], lines[-1]) == ("```sh", "```")
    assert lines[1] == f"# {study.rows[0].name}"
    assert lines[2] == f"emi-train reproduce {study.path / study.rows[0].runs[0]}"
    fits = [line for line in lines if line.startswith("emi-train fit")]
    assert len(fits) == len(study.rows)
    assert all("--ensemble 2" in line for line in fits)
    table = environment_section(study.path / study.rows[0].runs[0])
    assert "| torch version |" in table
    assert "| recipe id |" in table
    assert "identity" not in table
    assert "{" not in table
    assert audit_section(tmp_path) == "Not checked: this folder was made without an audit."
    Audit((Check("coverage, train", "passed", "all 60"),)).save(tmp_path)
    assert audit_section(tmp_path).splitlines()[-1] == "| passed | coverage, train | all 60 |"


def test_one_command_fits_all_seeds_of_a_row(cli, corpus, tmp_path, monkeypatch):
    grid = tmp_path / "grid.toml"
    grid.write_text("[base]\nhidden = 3\nepochs = 1\nlstm = false\n[grid]\nlr = [0.01, 0.003]\n")
    args = ["--labels", corpus.labels, "--grid", grid, "--seeds", 2, "--workers", 1, "--no-baselines"]
    assert cli("ablate", corpus.cache, *args, "--out", tmp_path / "study")[0] == 0
    study = load_study(tmp_path / "study")
    fits = [
        shlex.split(line)
        for line in reproduce_section(study).splitlines()
        if line.startswith("emi-train fit")
    ]
    assert len(fits) == 2
    monkeypatch.chdir(tmp_path)
    for words, row in zip(fits, study.rows, strict=True):
        code, _, err = cli(*words[1:], "--no-floor")
        assert code == 0, err
        for run in row.runs:
            again = tmp_path / words[-1] / Path(run).name
            for name in ("config.json", "head.safetensors"):
                assert (again / name).read_bytes() == (study.path / run / name).read_bytes(), run


def test_coverage_tells_what_the_cache_lacked(tmp_path):
    told = {
        "train": {"labelled": 20, "cached": 5, "share": 0.25, "missing": [f"a|{n}" for n in range(15)]},
        "valid": {"labelled": 3, "cached": 3, "share": 1.0, "missing": []},
    }
    run = tmp_path / "fold-1" / "seed-0"
    run.mkdir(parents=True)
    assert coverage_section([run]).startswith("Not known")
    (run / "coverage.json").write_text(json.dumps(told))
    *_, train, valid = coverage_section([run, tmp_path]).splitlines()
    assert train.startswith("| fold-1/seed-0 | train | 20 | 5 | a\\|0, a\\|1, ")
    assert train.endswith("a\\|11 and 3 more |")
    assert valid == "| fold-1/seed-0 | valid | 3 | 3 | – |"
    told["streams"] = {"audio": {"train": [], "valid": ["a|1", "b"]}}
    (run / "coverage.json").write_text(json.dumps(told))
    *_, words, _, _, _, valid = coverage_section([run]).splitlines()
    assert words == "Clips that a stream lacks, of those that another one holds:"
    assert valid == "| fold-1/seed-0 | audio | valid | 2 | a\\|1, b |"
    told["streams"]["audio"]["valid"] = []
    (run / "coverage.json").write_text(json.dumps(told))
    assert coverage_section([run]).endswith("\n\nNo stream lacks a clip that another one holds.")
    (run / "coverage.json").write_text('{"streams": 3}')
    with pytest.raises(RunError, match="coverage"):
        coverage_section([run])
    (run / "coverage.json").write_text('{"train": {"labelled": "x"}}')
    with pytest.raises(RunError, match="coverage"):
        coverage_section([run])
