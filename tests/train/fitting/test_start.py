"""What passes of a fit start from: the second one has every training clip, and the epoch that the first one found."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from cache.common.progress import Progress
from train import FitConfig, fit, load_run, predict
from train.errors import ConfigError
from train.fitting.reproduce import reproduce
from train.labels.label_files import LabelFiles

SEED = 0
REFIT = {"refit": True, "epochs": 6, "clip_vector": "components", "standardise": "train", "dropout": 0.2, "lr": 1e-4}


@pytest.fixture
def config(small) -> FitConfig:
    return replace(small, **REFIT)


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_head_is_that_of_all_training_clips_after_the_chosen_epoch(
    corpus, splits, config, quiet, tmp_path
) -> None:
    run = fit(corpus.cache, splits, config, tmp_path / "refit", progress=quiet)
    chosen = run.metrics["epoch"]
    alone = fit(corpus.cache, splits, replace(config, refit=False), tmp_path / "alone", progress=quiet)
    assert alone.metrics["epoch"] == chosen
    assert alone.metrics["selection_score"] == run.metrics["selection_score"]
    last = replace(config, refit=False, select="last", stop_after=chosen)
    whole = fit(corpus.cache, splits, last, tmp_path / "whole", progress=quiet)
    assert (run.path / "predictions.csv").read_bytes() == (whole.path / "predictions.csv").read_bytes()
    for name, tensor in run.head.state_dict().items():
        assert np.array_equal(tensor, whole.head.state_dict()[name]), name
    assert rows(run.path / "history.csv") == rows(alone.path / "history.csv")
    assert rows(run.path / "refit.csv") == rows(whole.path / "history.csv")
    assert len(rows(run.path / "history.csv")) == 6 and len(rows(run.path / "refit.csv")) == chosen
    parts = [row["part"] for row in rows(run.path / "clips.csv")]
    fitted, inner = parts.count("fit"), parts.count("inner")
    assert f"then fitted again on all {fitted + inner} of it" in run.metrics["statement"]
    environment = (run.path / "environment.json").read_text()
    assert '"clips_per_second"' in environment and not (alone.path / "refit.csv").exists()


class Killed(BaseException):
    """Stands for what ends a process."""


class Dying(Progress):
    """Raises at a line, the n-th time that it comes."""

    def __init__(self, begins: str, time: int) -> None:
        super().__init__(io.StringIO())
        self._begins, self._left = begins, time

    def line(self, text):
        self._left -= text.startswith(self._begins)
        if not self._left:
            raise Killed


@pytest.mark.parametrize(
    ("begins", "time"),
    [("epoch 3/", 1), ("epoch 6/", 1), ("epoch", 7), ("epoch 1/", 2), ("epoch 2/", 2)],
    ids=["first pass", "its end", "between", "second pass", "later"],
)
def test_a_stopped_fit_goes_on_with_the_same_bits(
    begins, time, corpus, splits, config, quiet, tmp_path
) -> None:
    config = replace(config, seed=SEED)
    whole = fit(corpus.cache, splits, config, tmp_path / "whole", progress=quiet)
    assert whole.metrics["epoch"] >= 2  # the second pass has an epoch to be stopped in
    with pytest.raises(Killed):
        fit(corpus.cache, splits, config, tmp_path / "r", progress=Dying(begins, time))
    resumed = fit(corpus.cache, splits, config, tmp_path / "r", progress=quiet)
    for name in ("head.safetensors", "history.csv", "refit.csv", "predictions.csv"):
        assert (whole.path / name).read_bytes() == (resumed.path / name).read_bytes(), name
    found = reproduce(resumed.path, None, LabelFiles(labels=corpus.labels), quiet)
    assert found["same"] and "refit.csv" in found["files"]
    assert np.isfinite(predict(load_run(resumed.path), corpus.cache, splits.valid.clip_ids).values).all()


def test_an_epoch_that_no_score_chose_is_the_last(corpus, splits, config, quiet, tmp_path) -> None:
    train = replace(splits.train, targets=np.full_like(splits.train.targets, 0.5))
    labels = replace(splits, train=train)
    run = fit(corpus.cache, labels, replace(config, loss="mse"), tmp_path / "r", progress=quiet)
    assert run.metrics["epoch"] == 6 and "fitted again" in run.metrics["statement"]


@pytest.mark.parametrize("select", ["last", "valid"])
def test_it_needs_an_inner_part(select) -> None:
    with pytest.raises(ConfigError, match="refit fits again with the epoch"):
        FitConfig(refit=True, select=select)


def test_many_epochs_get_some_lines_and_lose_no_bits(corpus, splits, small, quiet, tmp_path) -> None:
    config = replace(small, epochs=70, lstm=False)
    whole = fit(corpus.cache, splits, config, tmp_path / "whole", progress=quiet)
    stream = io.StringIO()
    with pytest.raises(Killed):
        fit(corpus.cache, splits, config, tmp_path / "r", progress=Dying("epoch 60/", 1))
    again = fit(corpus.cache, splits, config, tmp_path / "r", progress=Progress(stream))
    assert (whole.path / "head.safetensors").read_bytes() == (again.path / "head.safetensors").read_bytes()
    other = io.StringIO()
    fit(corpus.cache, splits, config, tmp_path / "o", progress=Progress(other))
    told = [line for line in other.getvalue().splitlines() if line.startswith("epoch ")]
    assert 20 <= len(told) <= 31 and told[-1].startswith("epoch 70/")
