"""The command of a run: parsed by the command line itself, it gives the very config and tables."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace

import pytest

from cache.common.option_fields import options_of
from train import FitConfig, fit
from train.labels.label_files import LabelFiles
from train.recipes.recipe import Known
from train.report.fit_command import config_words, fit_command, label_words, of_one_config
from train.streams.settings import StreamSettings


@pytest.fixture
def parsed(monkeypatch, cli):
    """Let the command line parse a command; gives config and place of the fit it would make."""
    found = []

    def take(place, labels, config, *_):
        found.append((config, place))
        return "", {}

    monkeypatch.setattr("train.commands.fit._read", lambda _: None)
    monkeypatch.setattr("train.commands.fit._trained_on", lambda *_: 100)
    monkeypatch.setattr("train.recipes.choose.known_of", lambda *_: Known("logmel", 80, False, False, 100))
    for name in ("_fitted",):
        monkeypatch.setattr(f"train.commands.fit.{name}", take)

    def parse(command):
        words = shlex.split(command) if isinstance(command, str) else command
        code, _, err = cli(*words[1:])
        assert code == 0, err
        return found[-1]

    return parse


OTHERS = {
    "layer": 3,
    "refit": True,
    "global_mean": True,
    "clip_vector": "statistics",
    "fusion_head": False,
    "vad": False,
    "standardise": "speaker",
    "temporal": "gru",
    "dropout": 0.25,
    "hidden": 7,
    "lstm_layers": 1,
    "epochs": 4,
    "stop_after": 3,
    "patience": 2,
    "lr": 1e-7,
    "weight_decay": 0.3,
    "warmup_epochs": 0.5,
    "batch_size": 5,
    "loss": "mse+ccc",
    "metric": "ccc",
    "inner_share": 1 / 3,
    "seed": 12,
    "streams": StreamSettings({"text": {"temporal": "attention", "vad": False, "hidden": 9}}),
    "stream_dropout": 0.25,
    "missing": "drop",
    "query": "text",
    "precision": "bfloat16",
    "device": "cpu",
    "min_coverage": 0.5,
}


@pytest.mark.parametrize(
    "config",
    [
        FitConfig(),
        FitConfig(**OTHERS),
        FitConfig(lstm=False),
        FitConfig(select="last", train_on_all=True, stop_after=2),
    ],
)
def test_a_config_comes_back_from_its_options(config, parsed, tmp_path):
    words = [
        "emi-train",
        "fit",
        "cache",
        "--labels",
        "labels",
        "--recipe",
        "paper",
        *config_words(config, tmp_path),
        "--out",
        "x",
    ]
    assert parsed(words)[0] == config


SWITCHED = {"lstm", "select", "train_on_all", "fusion"}  # tested above, or with a single choice


def test_every_option_of_a_fit_is_told(parsed, tmp_path):
    standard = FitConfig()
    offered = {name for name, declared in options_of(FitConfig).items() if declared.offered}
    assert offered - SWITCHED <= set(OTHERS), "a new option: give it a value in OTHERS"
    for name, value in OTHERS.items():
        if value != getattr(standard, name):
            config = replace(standard, **{name: value})
            words = config_words(config, tmp_path)
            assert words, name
            assert (
                parsed(["emi-train", "fit", "c", "--labels", "l", "--recipe", "paper", *words, "--out", "x"])[
                    0
                ]
                == config
            )


def test_the_command_of_a_run_fits_it_again(kept, parsed, corpus):
    command = fit_command(kept, "again/a name")
    config, place = parsed(command)
    assert config == FitConfig.load(kept / "config.json")
    assert (place.cache, place.files) == (corpus.cache, LabelFiles(labels=corpus.labels))
    assert str(place.out) == "again/a name"
    assert "--threads 1" in command


def test_the_schedule_of_older_versions_is_taken_from_the_run(kept, parsed, tmp_path, as_older):
    old = as_older(shutil.copytree(kept, tmp_path / "old"))
    config = replace(FitConfig.load(kept / "config.json"), warmup_from=1)
    (old / "config.json").write_text(json.dumps(config.to_dict()))
    command = fit_command(old, "again")
    assert f"--from {old}" in command


def test_a_run_without_tables_has_no_command(corpus, splits, small, quiet, tmp_path):
    fit(corpus.cache, replace(splits, files=None), replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert fit_command(tmp_path / "run", "again").startswith(f"# {tmp_path / 'run'}: no command")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"labels": "l"}, ["--labels", "l"]),
        ({"train": "t", "valid": "v", "targets": ["Joy", "Empathic Pain"]}, 6),
        ({"labels": "l", "weights": "votes", "annotators": "who"}, 6),
        ({"labels": "l", "targets": ["Joy, or so"]}, None),
        ({"labels": "l", "targets": [" Joy"]}, None),
        ({"valid": "v"}, None),
        ({}, None),
    ],
)
def test_tables_and_targets_as_options(inputs, expected):
    found = label_words(inputs)
    assert (len(found) if isinstance(expected, int) else found) == expected


def test_seeds_that_follow_each_other_are_one_command(ensembled, kept):
    both = [ensembled / "seed-0", ensembled / "seed-1"]
    assert of_one_config(both)
    assert not of_one_config(both[::-1])
    assert of_one_config([kept])
