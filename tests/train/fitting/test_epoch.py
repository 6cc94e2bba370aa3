"""One epoch: how fast the head learns, and what a step does."""

from __future__ import annotations

import itertools

import pytest

from train import FitConfig
from train.fitting.epoch import learning_rate


def test_the_learning_rate_warms_up_for_an_epoch_and_ends_at_zero():
    config = FitConfig(lr=1.0, epochs=10)
    rates = [learning_rate(step, 20, config) for step in range(200)]
    assert rates[:3] == [0.0, pytest.approx(1 / 20), pytest.approx(2 / 20)]
    assert rates[19] == pytest.approx(19 / 20)
    assert rates[20] == 1.0
    assert rates[110] == pytest.approx(0.5)
    assert rates[-1] < 1e-3
    assert all(one >= two for one, two in itertools.pairwise(rates[20:]))
