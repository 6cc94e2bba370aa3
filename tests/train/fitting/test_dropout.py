"""Dropout: in training alone, drawn from seed and epoch, so that a resumed fit has the same bits."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache.common.progress import Progress
from train import fit, predict
from train.errors import ConfigError
from train.heads.head import HeadShape, new_head


class Killed(BaseException):
    """Stands for what ends a process between two epochs."""


class DyingProgress(Progress):
    """Raises once the second epoch is done."""

    def line(self, text):
        if text.startswith("epoch 2/"):
            raise Killed


def test_a_resumed_fit_has_the_same_bits_and_other_draws_have_others(corpus, splits, small, quiet, tmp_path):
    config = replace(small, dropout=0.5)
    whole = fit(corpus.cache, splits, config, tmp_path / "whole", progress=quiet)
    torch.manual_seed(99)  # what was drawn elsewhere does not matter
    with pytest.raises(Killed):
        fit(corpus.cache, splits, config, tmp_path / "r", progress=DyingProgress(io.StringIO()))
    resumed = fit(corpus.cache, splits, config, tmp_path / "r", progress=quiet)
    for name in ("head.safetensors", "history.csv", "predictions.csv"):
        assert (whole.path / name).read_bytes() == (resumed.path / name).read_bytes()
    without = fit(corpus.cache, splits, small, tmp_path / "without", progress=quiet)
    values = [predict(run, corpus.cache).values for run in (whole, without)]
    assert not np.allclose(*values)


def test_it_draws_nothing_from_the_random_state_of_others(corpus, splits, small, quiet, tmp_path):
    after = []
    for number, dropout in enumerate((0.0, 0.5)):
        torch.manual_seed(5)
        config = replace(small, dropout=dropout, epochs=1)
        fit(corpus.cache, splits, config, tmp_path / str(number), progress=quiet)
        after.append(torch.rand(3))
    assert torch.equal(*after)


def test_a_head_predicts_without_it():
    head = new_head(HeadShape(width=7, targets=2, hidden=5, dropout=0.5), 0)
    given = torch.randn(4, 6, 7), torch.tensor([6, 5, 4, 1]), torch.randn(4, 7)
    head.eval()
    assert torch.equal(head(*given), head(*given))
    head.train()
    assert not torch.equal(head(*given), head(*given))


def test_a_share_that_leaves_nothing_is_refused(small):
    with pytest.raises(ConfigError, match="dropout"):
        replace(small, dropout=1.0)
    for value in (1.0, -0.1, "x", None, float("nan")):
        with pytest.raises(ConfigError, match="dropout of a head: found"):
            HeadShape(width=7, targets=2, dropout=value)
