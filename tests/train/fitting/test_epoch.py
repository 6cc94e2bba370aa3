"""One epoch: how fast the head learns, and what a step does."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from train import FitConfig, Splits, fit
from train.errors import ConfigError, RunError
from train.fitting.epoch import learning_rate
from train.heads.head import new_head


def test_the_learning_rate_warms_up_for_an_epoch_and_ends_at_zero():
    config = FitConfig(lr=1.0, epochs=10)
    rates = [learning_rate(step, 20, config) for step in range(200)]
    assert rates[:3] == [0.0, pytest.approx(1 / 20), pytest.approx(2 / 20)]
    assert rates[19] == pytest.approx(19 / 20)
    assert rates[20] == 1.0
    assert rates[110] == pytest.approx(0.5)
    assert rates[-1] < 1e-3
    assert all(one >= two for one, two in itertools.pairwise(rates[20:]))


def test_a_loss_that_no_batch_defines_trains_nothing(corpus, splits, small, quiet, tmp_path):
    constant = [replace(part, targets=part.targets * 0 + 33.3) for part in (splits.train, splits.valid)]
    for loss in ("pearson", "ccc"):
        with pytest.raises(RunError, match=f"{loss} is undefined on every batch of epoch 1") as caught:
            fit(corpus.cache, Splits(*constant), replace(small, loss=loss), tmp_path / loss, progress=quiet)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", ["pearson", "ccc", "mse+ccc"])
def test_a_correlation_over_one_clip_is_refused_before_the_first_step(
    corpus, splits, small, quiet, tmp_path, loss
):
    config = replace(small, loss=loss, batch_size=1)
    with pytest.raises(ConfigError, match="a correlation over a batch of one clip does not exist"):
        fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    assert not (tmp_path / "run").exists()


def test_the_first_step_of_the_published_schedule_moves_nothing(corpus, splits, small, quiet, tmp_path):
    config = replace(small, epochs=1, batch_size=100, select="last", lr=0.5)  # one step in all, at lr 0
    run = fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet)
    fresh = new_head(run.head.shape, config.seed).state_dict()
    assert all(torch.equal(fresh[name], weight) for name, weight in run.head.state_dict().items())
    assert (run.path / "history.csv").read_text().splitlines()[1].startswith("1,0.0,")
