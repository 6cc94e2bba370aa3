"""When a fit ends: patience, the final fit of a run, a shortened schedule."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from train import fit, load_run
from train.errors import ConfigError


def test_patience_ends_a_fit_early(corpus, splits, small, quiet, tmp_path):
    config = replace(small, epochs=60, lr=0.05, patience=3)
    run = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    with (run.path / "history.csv").open() as file:
        done = len(list(csv.DictReader(file)))
    assert done == run.metrics["epoch"] + 3 < 60
    with pytest.raises(ConfigError, match="patience needs a score"):
        replace(small, select="last", patience=1)


def test_the_final_fit_takes_train_and_valid_and_the_epochs_that_a_run_found(cli, run, corpus, tmp_path):
    args = ["--labels", corpus.labels, "--train-on-all", "--out", tmp_path / "final"]
    code, out, err = cli("fit", corpus.cache, *args, "--from", run.path)
    assert code == 0, err
    assert "trained on 90 clips" in out
    assert "no clip is left to report on" in out
    final = load_run(tmp_path / "final")
    assert (final.metrics["epoch"], final.config.epochs) == (run.metrics["epoch"], run.config.epochs)
    assert not (final.path / "predictions.csv").exists()
    assert len(final.trained_on()) == 90
    assert cli("predict", tmp_path / "final", corpus.cache, "--out", tmp_path / "p.csv")[0] == 0
    code, _, err = cli(
        "fit",
        corpus.cache,
        "--labels",
        corpus.labels,
        "--train-on-all",
        "--recipe",
        "paper",
        "--out",
        tmp_path / "x",
    )
    assert (code, len(err.splitlines())) == (1, 1)
    assert "--from RUN" in err


def test_the_schedule_of_a_shortened_fit_is_that_of_the_whole(corpus, splits, small, quiet, tmp_path):
    whole = fit(corpus.cache, splits, replace(small, select="last"), tmp_path / "a", progress=quiet)
    part = fit(
        corpus.cache, splits, replace(small, select="last", stop_after=2), tmp_path / "b", progress=quiet
    )
    rows = [(each.path / "history.csv").read_text().splitlines() for each in (whole, part)]
    assert rows[1] == rows[0][:3]
