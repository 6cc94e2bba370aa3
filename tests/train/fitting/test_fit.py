"""A fit: what its folder holds, the same bits again, interrupted or not, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from cache.common.progress import Progress
from train import FitConfig, Splits, fit, load_run
from train.errors import LabelError, RunError
from train.runs.precision import runs_in_bfloat16
from train.scores.metrics import score_all

SAME_BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "clips.csv", "config.json")


def bits(folder):
    return {name: (folder / name).read_bytes() for name in SAME_BITS}


class Killed(BaseException):
    """Stands for what ends a process between two epochs."""


class DyingProgress(Progress):
    """Raises once a line says that epoch ``epoch`` is done."""

    def __init__(self, epoch):
        super().__init__(io.StringIO())
        self._epoch = epoch

    def line(self, text):
        if text.startswith(f"epoch {self._epoch}/"):
            raise Killed


@pytest.fixture(scope="module")
def long_run(corpus, splits, small, quiet, tmp_path_factory):
    """A run long enough to be killed in the middle."""
    out = tmp_path_factory.mktemp("long") / "run"
    return fit(corpus.cache, splits, replace(small, epochs=60), out, progress=quiet)


def test_the_run_folder_holds_what_it_says(run, corpus, splits):
    present = {entry.name for entry in run.path.iterdir()}
    written = {"environment.json", "coverage.json", "audit.json", "learning_curves.png", "scatter.png"}
    written |= {"checksums.json"}
    assert present == {*SAME_BITS, *written}
    with (run.path / "predictions.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Filename", "Admiration", "Amusement", "Empathic Pain"]
    assert tuple(row[0] for row in rows[1:]) == splits.valid.clip_ids
    scores = score_all(
        splits.valid.targets, np.array([row[1:] for row in rows[1:]], float), splits.valid.names
    )
    assert run.metrics["valid"]["pearson"]["mean"] == pytest.approx(scores["pearson"]["mean"], abs=1e-9)
    assert run.metrics["valid"]["pearson"]["mean"] > 0.5
    assert FitConfig.load(run.path / "config.json") == run.config
    coverage = json.loads((run.path / "coverage.json").read_text())
    assert coverage["unlabelled"] == [f"{index:05d}" for index in range(90, 95)]
    environment = json.loads((run.path / "environment.json").read_text())
    assert len(environment["label_files"]) == 2
    assert environment["threads"] == 1


def test_the_statement_says_who_trained_and_who_chose(run, corpus):
    assert run.metrics["clips"] == {"fit": 48, "inner": 12, "valid": 30}
    assert "trained on 48 clips; epoch" in run.metrics["statement"]
    assert "on 12 inner clips of the training data, divided by speaker" in run.metrics["statement"]
    with (run.path / "clips.csv").open() as file:
        part = {row["clip_id"]: row["part"] for row in csv.DictReader(file)}
    sides = [{corpus.speakers[c] for c in part if part[c] == side} for side in ("fit", "inner", "valid")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 15


def test_the_same_config_gives_the_same_bits(run, corpus, splits, small, quiet, tmp_path):
    again = fit(corpus.cache, splits, small, tmp_path / "again", progress=quiet)
    assert bits(again.path) == bits(run.path)
    other = fit(corpus.cache, splits, replace(small, seed=1), tmp_path / "other", progress=quiet)
    assert bits(other.path)["head.safetensors"] != bits(run.path)["head.safetensors"]


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_stopped_fit_goes_on_with_the_same_bits(run, corpus, splits, small, quiet, tmp_path, epoch):
    with pytest.raises(Killed):
        fit(corpus.cache, splits, small, tmp_path / "run", progress=DyingProgress(epoch))
    with pytest.raises(RunError, match="not a finished run"):
        load_run(tmp_path / "run")
    resumed = fit(corpus.cache, splits, small, tmp_path / "run", progress=quiet)
    assert bits(resumed.path) == bits(run.path)
    assert not (resumed.path / "checkpoint.safetensors").exists()
    sittings = json.loads((resumed.path / "environment.json").read_text())["threads_of_each_sitting"]
    assert sittings == [1, 1]


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "steps"), [(io.StringIO, False), (Terminal, True)])
def test_steps_are_shown_on_a_terminal_and_whole_epochs_in_a_log(
    corpus, splits, small, tmp_path, stream, steps
):
    shown, hours = stream(), iter(range(0, 10**9, 3600))  # an hour between any two looks at the clock
    fit(corpus.cache, splits, small, tmp_path / "run", progress=Progress(shown, lambda: next(hours)))
    lines = [line for line in shown.getvalue().replace("\r", "\n").splitlines() if line.startswith("epoch ")]
    assert sum("loss" in line for line in lines) == small.epochs
    assert any(" step " in line for line in lines) == steps


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 75), (signal.SIGINT, 75)]
)
def test_a_killed_process_goes_on_with_the_same_bits(long_run, corpus, splits, quiet, tmp_path, number, code):
    config = long_run.config
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    options = ["--labels", corpus.labels, "--config", tmp_path / "config.json", "--out", tmp_path / "run"]
    command = [sys.executable, "-m", "train", "fit", corpus.cache, *options, "--threads", "1"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert ("run the same command again to continue" in err) == (code == 75)
    resumed = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    assert bits(resumed.path) == bits(long_run.path)


def test_half_written_files_of_a_killed_fit_are_removed(corpus, splits, small, quiet, tmp_path):
    (tmp_path / "run").mkdir()
    leftover = tmp_path / "run" / ".checkpoint.safetensors.0123abcd.emi-train.tmp"
    leftover.write_bytes(b"half")
    fit(corpus.cache, splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert not leftover.exists()


def test_a_finished_run_is_never_overwritten_unasked(run, corpus, splits, small, quiet):
    before = {entry: entry.stat().st_mtime_ns for entry in run.path.iterdir()}
    assert fit(corpus.cache, splits, small, run.path, progress=quiet).metrics == run.metrics
    with pytest.raises(
        RunError, match=r"a finished run of another fit, different in config \(lr 0.005 → 0.01\)"
    ):
        fit(corpus.cache, splits, replace(small, lr=0.01), run.path, progress=quiet)
    assert {entry: entry.stat().st_mtime_ns for entry in run.path.iterdir()} == before


def test_an_unfinished_run_of_another_fit_is_refused_and_can_be_replaced(
    corpus, splits, small, quiet, tmp_path
):
    with pytest.raises(Killed):
        fit(corpus.cache, splits, small, tmp_path / "run", progress=DyingProgress(1))
    changed = Splits(replace(splits.train, targets=splits.train.targets * 0.5), splits.valid)
    with pytest.raises(RunError, match="an unfinished run of another fit, different in clips and labels"):
        fit(corpus.cache, changed, small, tmp_path / "run", progress=quiet)
    fresh = fit(corpus.cache, changed, small, tmp_path / "run", overwrite=True, progress=quiet)
    assert json.loads((fresh.path / "environment.json").read_text())["threads_of_each_sitting"] == [1]


def test_a_folder_of_other_files_is_refused_even_with_overwrite(corpus, splits, small, quiet, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="holds files that are no run"):
        fit(corpus.cache, splits, small, tmp_path, overwrite=True, progress=quiet)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_selected_on_valid_is_said_and_last_takes_the_last(corpus, splits, small, quiet, tmp_path):
    valid = fit(corpus.cache, splits, replace(small, select="valid"), tmp_path / "v", progress=quiet)
    assert valid.metrics["selected_on"] == "valid"
    assert "selected on valid" in valid.metrics["statement"]
    assert valid.metrics["selection_score"] == valid.metrics["valid"]["pearson"]["mean"]
    last = fit(corpus.cache, splits, replace(small, select="last", epochs=2), tmp_path / "l", progress=quiet)
    assert (last.metrics["epoch"], last.metrics["selected_on"]) == (2, "last epoch")
    assert last.metrics["clips"] == {"fit": 60, "valid": 30}


def test_a_constant_label_column_is_undefined_not_zero(corpus, splits, small, quiet, tmp_path):
    train, valid = (replace(part, targets=part.targets * [1, 0, 1]) for part in (splits.train, splits.valid))
    config = replace(small, loss="mse+ccc", epochs=2)
    run = fit(corpus.cache, Splits(train, valid), config, tmp_path / "run", progress=quiet)
    scores = run.metrics["valid"]["pearson"]
    assert scores["mean"] is None
    assert scores["per_target"]["Amusement"] is None
    assert scores["per_target"]["Admiration"] is not None
    assert run.metrics["skipped_loss_columns"] == 12
    assert (
        "the last, since pearson was undefined on the 12 inner clips at every epoch"
        in run.metrics["statement"]
    )


@pytest.mark.parametrize("loss", ["ccc", "pearson", "mse+ccc"])
def test_correlation_losses_learn(corpus, splits, small, quiet, tmp_path, loss):
    run = fit(corpus.cache, splits, replace(small, loss=loss), tmp_path / "run", progress=quiet)
    assert run.metrics["valid"]["pearson"]["mean"] > 0.5


@pytest.mark.skipif(
    not runs_in_bfloat16("lstm", 6), reason="this CPU has no LSTM in bfloat16 (no AVX512-BF16, no AMX)"
)
def test_bfloat16_scores_like_float32(run, corpus, splits, small, quiet, tmp_path):
    rough = fit(corpus.cache, splits, replace(small, precision="bfloat16"), tmp_path / "run", progress=quiet)
    means = [each.metrics["valid"]["pearson"]["mean"] for each in (run, rough)]
    assert means[0] == pytest.approx(means[1], abs=0.05)


def test_permuted_labels_teach_nothing(corpus, splits, small, quiet, tmp_path):
    scores = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(splits.train))
        train = replace(splits.train, targets=splits.train.targets[order])
        config = replace(small, seed=seed)
        permuted = fit(
            corpus.cache, Splits(train, splits.valid), config, tmp_path / str(seed), progress=quiet
        )
        scores.append(permuted.metrics["valid"]["pearson"]["mean"])
    assert abs(np.mean(scores)) < 0.25


def test_a_loss_that_is_no_number_says_so(corpus, splits, small, quiet, tmp_path):
    train = replace(splits.train, targets=splits.train.targets * 1e30)
    with pytest.raises(RunError, match="the loss became inf in epoch 1, step 1; lower --lr"):
        fit(corpus.cache, Splits(train, splits.valid), small, tmp_path / "run", progress=quiet)


def test_missing_clips_are_counted_and_refused_below_the_coverage(corpus, splits, small, quiet, tmp_path):
    ids = ("lost", *splits.train.clip_ids[1:])
    labels = Splits(replace(splits.train, clip_ids=ids), splits.valid)
    run = fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    coverage = json.loads((run.path / "coverage.json").read_text())
    assert coverage["train"]["missing"] == ["lost"]
    with pytest.raises(LabelError, match=r"59 of 60 labelled clips.*expected at least 99.0%; missing: lost"):
        fit(corpus.cache, labels, replace(small, min_coverage=0.99), tmp_path / "two", progress=quiet)


def with_gaps(splits):
    """Labels of which some are missing, and those of the last target in valid all."""
    train, valid = splits.train.targets.copy(), splits.valid.targets.copy()
    train[::3, 0] = train[1::4, 1] = valid[:, 2] = valid[2, 0] = np.nan
    return Splits(replace(splits.train, targets=train), replace(splits.valid, targets=valid))


@pytest.mark.parametrize("loss", ["mse", "ccc", "mse+pearson"])
def test_a_fit_does_without_missing_labels(corpus, splits, small, quiet, tmp_path, loss):
    run = fit(corpus.cache, with_gaps(splits), replace(small, loss=loss), tmp_path / "r", progress=quiet)
    told = run.metrics
    assert told["missing_labels"] == {
        "train": {"missing": {"Admiration": 20, "Amusement": 15}, "clips_without_any": 0},
        "valid": {"missing": {"Admiration": 1, "Empathic Pain": 30}, "clips_without_any": 0},
    }
    pearson = told["valid"]["pearson"]
    assert pearson["per_target"]["Empathic Pain"] is None
    assert pearson["mean"] == pytest.approx(
        np.mean([pearson["per_target"][name] for name in run.targets.names[:2]])
    )
    assert told["interval"]["estimate"] == pytest.approx(pearson["mean"])
    assert np.isfinite([run.targets.mean, run.targets.low, run.targets.high]).all()
    assert "nan" not in (run.path / "predictions.csv").read_text()
    assert "labels, train" in (run.path / "audit.json").read_text()


def test_labels_that_are_all_there_are_not_counted(run):
    assert "missing_labels" not in run.metrics


def test_a_target_that_no_clip_trained_on_has_is_refused(corpus, splits, small, quiet, tmp_path):
    targets = splits.train.targets.copy()
    targets[:, 1] = np.nan
    lacking = Splits(replace(splits.train, targets=targets), splits.valid)
    with pytest.raises(LabelError, match="no label of Amusement among the 48 clips to train on"):
        fit(corpus.cache, lacking, small, tmp_path / "r", progress=quiet)
    assert not (tmp_path / "r").exists()
