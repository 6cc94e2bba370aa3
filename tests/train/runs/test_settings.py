"""Settings in words: every field of a config is named, what differs is told apart from what is common."""

from __future__ import annotations

import dataclasses

from train import FitConfig, load_run
from train.runs.settings import compared, in_a_line, settings_of


def test_every_field_has_a_name_and_a_value(kept):
    config = FitConfig(lr=3e-4, lstm=False, fusion="concat")
    found = settings_of(config.to_dict())
    of_streams = {"streams", "stream_dropout", "missing", "query"}  # of one cache they say nothing
    assert list(found) == [
        field.name.replace("_", " ")
        for field in dataclasses.fields(FitConfig)
        if field.name != "seed" and field.name not in of_streams
    ]
    assert (found["lr"], found["lstm"], found["global mean"]) == ("0.0003", "off", "on")
    assert (found["hidden"], found["layer"]) == ("the input width", "the last one cached")
    run = load_run(kept)
    known = settings_of({**run.config.to_dict(), "hidden": None}, run)
    assert (known["hidden"], known["layer"]) == ("6", "2"), "the run knows what the config leaves open"


def test_a_field_of_later_versions_means_what_it_meant(kept):
    old = {**FitConfig(warmup_from=1).to_dict()}
    assert "warmup_from" not in old
    assert settings_of(old)["warmup from"] == "1"


def test_what_differs_is_told_apart_from_what_is_common():
    found = compared([settings_of(FitConfig(lr=lr).to_dict()) for lr in (0.1, 0.2)])
    assert found.differing == {"lr": ["0.1", "0.2"]}
    assert "lr" not in found.common
    assert len(found.common) + 1 == len(settings_of(FitConfig().to_dict()))
    assert compared([]) == ({}, {})
    assert in_a_line({"lr": "0.1", "loss": "mse"}) == "lr 0.1, loss mse"


def test_streams_are_told_with_what_is_their_own(pair_run):
    found = settings_of(pair_run.config.to_dict(), pair_run)
    assert (found["text temporal"], found["temporal"]) == ("attention", "lstm")
    assert (found["audio layer"], found["text layer"]) == ("2", "none cached")
    assert (found["missing"], found["query"]) == ("token", "text, else the first")
    both = compared([found, settings_of(FitConfig().to_dict())])
    assert both.differing["text temporal"] == ["attention", "–"]
