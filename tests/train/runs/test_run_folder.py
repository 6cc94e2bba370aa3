"""A run folder is loaded whole, and refused where it is something else, or its head predicts nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from train import fit, load_run
from train.errors import RunError
from train.runs.run_folder import Targets
from train.runs.tensors import read_tensors, write_tensors


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "head.zip").write_bytes(b"PK")
    with pytest.raises(RunError, match="no readable bundle"):
        load_run(tmp_path / "head.zip")
    with pytest.raises(RunError, match="no such run folder"):
        load_run(tmp_path / "none")
    with pytest.raises(RunError, match="not a finished run"):
        load_run(tmp_path)
    (tmp_path / "ensemble.json").write_text('{"runs": ["../elsewhere"]}')
    with pytest.raises(RunError, match="names no runs of this folder"):
        load_run(tmp_path)


def test_a_run_knows_the_clips_that_shaped_it(run, splits):
    assert run.trained_on() == set(splits.train.clip_ids)


def test_targets_clip_to_the_range_of_the_training_labels():
    targets = Targets.of("id", ("a",), np.array([[0.2], [0.6]]))
    np.testing.assert_array_equal(targets.clipped(np.array([[0.0], [0.5], [0.9]])), [[0.2], [0.5], [0.6]])


@pytest.fixture
def older(run, as_older, tmp_path):
    """A run of an older version: whatever it holds, no checksum tells."""
    shutil.copytree(run.path, tmp_path / "older")
    return as_older(tmp_path / "older")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_head_whose_weights_are_not_finite_predicts_nothing(cli, older, run, corpus, tmp_path, value):
    tensors, values = read_tensors(older / "head.safetensors")
    tensors["fusion_head.2.bias"][0] = value
    write_tensors(older / "head.safetensors", tensors, values)
    for command in (["predict", "--out", tmp_path / "p.csv"], ["evaluate", "--labels", corpus.labels]):
        code, out, err = cli(command[0], older, corpus.cache, *command[1:])
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert "fusion_head.2.bias holds weights that are not finite" in err
    assert not (tmp_path / "p.csv").exists()


def test_a_fit_whose_last_step_breaks_its_head_is_no_run(corpus, splits, small, quiet, tmp_path, monkeypatch):
    def step(training, *_, **__):
        loss = take_step(training, *_, **__)
        with torch.no_grad():
            training.head.fusion_head[2].bias[0] = torch.nan
        return loss

    from train.fitting.epoch import take_step

    monkeypatch.setattr("train.fitting.epoch.take_step", step)
    config = replace(small, epochs=1, batch_size=100, select="last")
    with pytest.raises(RunError, match="holds weights that are not finite"):
        fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    assert not (tmp_path / "run" / "metrics.json").exists()


def with_head(folder, change):
    """Write the head of a run anew, its description changed."""
    tensors, values = read_tensors(folder / "head.safetensors")
    change(values)
    write_tensors(folder / "head.safetensors", tensors, values)


HEADS = {
    "width -1": (lambda values: values["head"].update(width=-1), "width of a head: found -1"),
    "width huge": (lambda values: values["head"].update(width=10**6, hidden=10**5), "expected"),
    "no width": (lambda values: values["head"].pop("width"), "width"),
    "10^7 layers": (lambda values: values["head"].update(lstm_layers=10**7), "expected 1 to 1,000"),
    "layers of a list": (lambda values: values["head"].update(lstm_layers=[2]), "expected 1 to 1,000"),
    "1,000 layers": (lambda values: values["head"].update(lstm_layers=1000), "tensor lstm.bias_hh_l10"),
    "other temporal": (lambda values: values["head"].update(temporal=["lstm"]), "not a head"),
    "recipe a list": (lambda values: values.update(recipe=["a"]), "not a head"),
    "config a list": (lambda values: values.update(config=["a"]), "not a head"),
    "config of layers": (lambda values: values["config"].update(lstm_layers=10**7), "expected 1 to 1,000"),
    "lr too large": (lambda values: values["config"].update(lr=10**400), "lr: found"),
    "head a list": (lambda values: values.update(head=[]), "not a head"),
    "no targets": (lambda values: values.pop("targets"), "no field 'targets'"),
    "too few targets": (lambda values: values["targets"]["names"].pop(), "3 outputs, 2 names"),
    "mean of text": (lambda values: values["targets"].update(mean=["a", "b", "c"]), "not a head"),
    "deep": (lambda values: values.update(recipe={"a": json.loads("[" * 200 + "]" * 200)}), "nested"),
}


@pytest.mark.parametrize(("change", "message"), HEADS.values(), ids=HEADS)
def test_a_head_of_another_shape_than_it_says_is_one_line(older, change, message):
    with_head(older, change)
    with pytest.raises(RunError) as caught:
        load_run(older)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"valid": []}', '{"valid": {"pearson": 3}}', "[" * 100_000, "nonsense", "NaN"]
)
def test_metrics_of_another_shape_are_one_line(cli, older, corpus, text):
    (older / "metrics.json").write_text(text)
    for command in (["report", older], ["evaluate", older, corpus.cache, "--labels", corpus.labels]):
        code, out, err = cli(*command)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert f"{older / 'metrics.json'}: " in err


@pytest.mark.parametrize("text", ["[]", '{"runs": 5}', '{"runs": []}', '{"runs": [[]]}', "[" * 100_000, "{}"])
def test_an_ensemble_of_another_shape_is_one_line(tmp_path, text):
    (tmp_path / "ensemble.json").write_text(text)
    with pytest.raises(RunError) as caught:
        load_run(tmp_path)
    assert "\n" not in str(caught.value)
