"""TensorBoard's own reader finds parameters, every epoch, the scores with their interval, and the pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train import fit, load_run
from train.runs.history import read_history
from train.runs.tracking.follow import tracked
from train.runs.tracking.options import TrackOptions


def test_a_fit_is_read_back(events, corpus, splits, small, quiet, tmp_path):
    from tensorboard.plugins.hparams.metadata import (
        SESSION_START_INFO_TAG,
        parse_session_start_info_plugin_data,
    )

    out, config = tmp_path / "runs" / "a <b>", replace(small, refit=True)
    with tracked(TrackOptions("tensorboard"), out):
        run = fit(corpus.cache, splits, config, out, progress=quiet)
    found, history = events(tmp_path / "runs" / "tensorboard" / "a <b>"), read_history(out / "history.csv")
    assert [each.step for each in found.Scalars("epoch/loss")] == history["epoch"]
    assert [each.value for each in found.Scalars("epoch/loss")] == pytest.approx(history["loss"])
    assert [each.value for each in found.Scalars("epoch/inner pearson")] == pytest.approx(history["score"])
    assert len(found.Scalars("refit/loss")) == len(read_history(out / "refit.csv")["epoch"])
    (score,) = found.Scalars("valid/pearson")
    assert (score.step, score.value) == (
        run.metrics["epoch"],
        pytest.approx(run.metrics["valid"]["pearson"]["mean"]),
    )
    assert found.Scalars("valid/pearson low")[0].value == pytest.approx(run.metrics["interval"]["low"])
    assert found.Scalars("valid/ccc/Joy" if "Joy" in run.targets.names else "valid/ccc/Amusement")
    (picture,) = found.Images("learning_curves")
    assert picture.encoded_image_string == (out / "learning_curves.png").read_bytes()
    content = found.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
    told = parse_session_start_info_plugin_data(content).hparams
    assert told["hidden"].number_value == 6
    assert told["loss"].string_value == "mse"
    assert told["refit"].bool_value is True


def test_told_again_everything_is_there_once(events, kept, corpus, tmp_path, cli):
    args = [
        "fit",
        corpus.cache,
        "--labels",
        corpus.labels,
        "--from",
        kept,
        "--out",
        tmp_path / "run",
        "--no-floor",
    ]
    for _ in range(2):
        code, out, err = cli(*args, "--track", "tensorboard", "--track-to", tmp_path / "logs")
        assert code == 0, err
        assert f"tracked: tensorboard --logdir {tmp_path / 'logs'}" in out
    history = read_history(tmp_path / "run" / "history.csv")
    found = events(tmp_path / "logs" / "run")
    assert [each.step for each in found.Scalars("epoch/loss")] == history["epoch"]
    assert len(list((tmp_path / "logs" / "run").iterdir())) == 1
    bits = (tmp_path / "run" / "head.safetensors").read_bytes()
    assert cli(*[*args[:-2], tmp_path / "plain", "--no-floor"])[0] == 0
    assert (tmp_path / "plain" / "head.safetensors").read_bytes() == bits, "no number depends on it"
    assert load_run(tmp_path / "run").metrics == load_run(tmp_path / "plain").metrics
