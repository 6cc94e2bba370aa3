"""A loss is added by one module and one registration; nothing else is touched."""

from __future__ import annotations

import pytest

from train import load_run
from train.losses.registry import LOSSES, is_loss

HUBER = """
from torch import nn

from train.losses.loss import Loss, LossValue

HUBER = Loss(lambda one, two: LossValue(nn.functional.huber_loss(one, two), 0), across_clips=False)
"""


@pytest.fixture
def huber(tmp_path, monkeypatch):
    (tmp_path / "huber_loss_of_a_test.py").write_text(HUBER)
    monkeypatch.syspath_prepend(tmp_path)
    LOSSES.add("huber", "huber_loss_of_a_test:HUBER", "quadratic, then linear")
    yield
    LOSSES.remove("huber")


def test_an_added_loss_is_fitted_alone_and_in_a_sum(huber, cli, corpus, tmp_path):
    for loss in ("huber", "huber+ccc"):
        args = ["--labels", corpus.labels, "--loss", loss, "--hidden", 4, "--epochs", 1]
        code, _, err = cli("fit", corpus.cache, "--out", tmp_path / loss, *args)
        assert code == 0, err
        assert load_run(tmp_path / loss).config.loss == loss


def test_sums_are_of_different_losses():
    assert is_loss("mse+pearson")
    assert not is_loss("mse+mse")
    assert not is_loss("mse+")
    assert not is_loss("huber")
