"""What an older version began keeps its warm-up, and that is said; anything new takes the published one."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cache.common.progress import Progress
from train import FitConfig, fit, load_run, read_splits
from train.errors import ConfigError
from train.fitting.begun import as_begun, older
from train.fitting.epoch import learning_rate
from train.studies.ensemble import fit_seeds
from train.studies.options import RepeatOptions

GOLDEN = Path(__file__).parents[1] / "golden"
OLD = FitConfig.load(GOLDEN / "run" / "config.json")
TYPED = replace(OLD, warmup_from=0)  # what the same command line means today


def test_a_whole_config_of_an_older_version_keeps_its_meaning():
    assert OLD.warmup_from == 1
    assert "warmup_from" not in OLD.to_dict()
    assert FitConfig.from_dict({"epochs": 3}).warmup_from == 0
    assert FitConfig.from_dict(FitConfig().to_dict()) == FitConfig()
    assert FitConfig.from_dict(older(FitConfig()).to_dict()) == older(FitConfig())
    assert [learning_rate(step, 4, replace(OLD, lr=1.0)) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(ConfigError, match="warmup_from: found 2, expected 0 or 1"):
        FitConfig(warmup_from=2)


def test_the_same_command_finds_an_older_run_finished_and_says_what_it_is(tmp_path):
    shutil.copytree(GOLDEN / "run", tmp_path / "run")
    before, shown = (tmp_path / "run" / "head.safetensors").read_bytes(), io.StringIO()
    labels = read_splits(labels=GOLDEN / "labels")
    run = fit(GOLDEN / "cache", labels, TYPED, tmp_path / "run", progress=Progress(shown))
    assert (run.path / "head.safetensors").read_bytes() == before
    assert "begun by an older version, whose warm-up is one step ahead" in shown.getvalue()
    again = fit(GOLDEN / "cache", labels, TYPED, run.path, overwrite=True, progress=Progress(io.StringIO()))
    assert again.config == TYPED
    assert (run.path / "head.safetensors").read_bytes() != before


def test_seeds_that_are_added_to_an_older_ensemble_keep_its_schedule(tmp_path):
    shutil.copytree(GOLDEN / "ensemble", tmp_path / "both")
    config = replace(FitConfig.load(GOLDEN / "ensemble" / "seed-0" / "config.json"), warmup_from=0)
    labels = read_splits(labels=GOLDEN / "labels")
    fit_seeds(GOLDEN / "cache", labels, config, 3, RepeatOptions(tmp_path / "both"))
    assert {load_run(tmp_path / "both" / f"seed-{n}").config.warmup_from for n in range(3)} == {1}


def test_a_run_of_another_config_is_no_reason(tmp_path, quiet):
    assert as_begun(replace(TYPED, lr=0.5), [GOLDEN / "run"], quiet) == replace(TYPED, lr=0.5)
    assert as_begun(TYPED, [tmp_path / "none"], quiet) == TYPED
    assert as_begun(TYPED, [tmp_path / "none", GOLDEN / "run"], quiet) == OLD
