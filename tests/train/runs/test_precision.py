"""A CPU without bfloat16 says so in one line before anything is fitted or read."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from train import FitConfig
from train.errors import ConfigError
from train.runs import precision
from train.runs.precision import require_precision, runs_in_bfloat16

CPU = torch.device("cpu")


@pytest.fixture
def without(monkeypatch):
    """A machine whose CPU cannot."""
    monkeypatch.setattr(precision, "runs_in_bfloat16", lambda *_: False)


def test_every_command_that_fits_refuses_in_one_line_before_the_first_fit(without, cli, corpus, tmp_path):
    common = ["--labels", corpus.labels, "--out", tmp_path / "out", "--precision", "bfloat16", "--hidden", 4]
    for command in (["fit", "--recipe", "paper", "--epochs", 1], ["ablate", "--seeds", 1, "--workers", 1]):
        code, out, err = cli(command[0], corpus.cache, *common, *command[1:])
        assert (code, out) == (1, "")
        (line,) = [line for line in err.splitlines() if line.startswith("error:")]
        assert "precision bfloat16: this CPU (found" in line
        assert "cannot run a lstm of 4 units in it" in line
        assert "use --precision float32" in line
        assert not (tmp_path / "out" / "runs").exists()
        assert not (tmp_path / "out" / "config.json").exists()


def test_a_head_in_bfloat16_is_refused_where_it_cannot_run(without, run, corpus, splits):
    from train import predict

    rough = replace(run, config=replace(run.config, precision="bfloat16"))
    with pytest.raises(ConfigError, match="cannot run a lstm of 6 units"):
        predict(rough, corpus.cache, splits.valid.clip_ids)


def test_what_needs_no_bfloat16_lstm_is_not_refused(without):
    assert require_precision(FitConfig(), 8, CPU) is None
    assert require_precision(FitConfig(precision="bfloat16", lstm=False), 8, CPU) is None
    assert require_precision(FitConfig(precision="bfloat16"), 8, torch.device("cuda")) is None


def test_asking_draws_no_random_number():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    runs_in_bfloat16.cache_clear()
    runs_in_bfloat16("gru", 4)
    torch.testing.assert_close(torch.rand(3), expected, atol=0, rtol=0)
