"""Which tracker, and where: what cannot be is one line before anything is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.errors import ConfigError
from train.runs.tracking import options as made
from train.runs.tracking.options import TrackOptions


def test_the_place_is_what_is_said_or_beside_the_run(monkeypatch):
    monkeypatch.delenv(made.SERVER, raising=False)
    beside = Path("runs")
    assert TrackOptions("tensorboard").place(beside) == "runs/tensorboard"
    assert TrackOptions("tensorboard", "logs").place(beside) == "logs"
    assert TrackOptions("mlflow").place(beside) == "runs/mlflow"
    monkeypatch.setenv(made.SERVER, "http://server")
    assert TrackOptions("mlflow").place(beside) == "http://server"
    assert TrackOptions("mlflow", "logs").place(beside) == "logs"
    assert TrackOptions("tensorboard").place(beside) == "runs/tensorboard"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("wandb", None), "track: found 'wandb', expected tensorboard or mlflow"),
        ((None, "logs"), "--track-to logs: says where, not to whom; add --track"),
    ],
)
def test_what_makes_no_sense_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        TrackOptions(*values)


def test_a_library_that_is_missing_is_named_with_the_way_to_get_it(monkeypatch, cli, corpus, tmp_path):
    monkeypatch.setattr(made, "find_spec", lambda _: None)
    args = [
        "fit",
        corpus.cache,
        "--labels",
        corpus.labels,
        "--out",
        tmp_path / "run",
        "--track",
        "tensorboard",
    ]
    code, _, err = cli(*args)
    assert code == 1
    assert "tensorboard is not installed; pip install 'emi-fusion[tensorboard]'" in err
    assert not (tmp_path / "run").exists()
