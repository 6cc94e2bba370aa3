"""Scores and losses against scipy and sums by hand; undefined stays undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from train.errors import LabelError
from train.losses.total import batch_loss
from train.report.terminal import score_table
from train.scores.metrics import ccc, mae, pearson, score_all, spearman

TENTHS = st.integers(0, 10).map(lambda value: value / 10)
PAIRS = arrays(np.float64, st.tuples(st.integers(3, 40), st.just(2)), elements=TENTHS)


def by_hand_ccc(x, y):
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_correlations_equal_scipy_or_are_undefined(pairs):
    x, y = pairs.T
    found = [metric(x[:, None], y[:, None])[0] for metric in (pearson, spearman, ccc)]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert all(math.isnan(value) for value in found)
    else:
        expected = [stats.pearsonr(x, y).statistic, stats.spearmanr(x, y).statistic, by_hand_ccc(x, y)]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_ccc_of_a_shifted_copy_by_hand():
    truth = np.array([[0.0], [1.0], [2.0]])
    # variance 2/3 each, covariance 2/3, squared distance of means 1: 2 (2/3) / (4/3 + 1) = 4/7
    assert ccc(truth, truth + 1)[0] == pytest.approx(4 / 7)


def test_one_undefined_column_leaves_the_mean_undefined():
    rng = np.random.default_rng(0)
    truth, prediction = rng.random((20, 3)), rng.random((20, 3))
    prediction[:, 1] = 0.3
    scores = score_all(truth, prediction, ["a", "b", "c"])
    for metric in ("pearson", "ccc", "spearman"):
        assert math.isnan(scores[metric]["mean"])
        assert math.isnan(scores[metric]["per_target"]["b"])
        assert not math.isnan(scores[metric]["per_target"]["a"])
    assert scores["mae"]["mean"] == pytest.approx(np.abs(truth - prediction).mean())
    assert score_table(scores, ["a", "b", "c"]).count("undefined") == 6


def test_rounding_noise_is_constant():
    prediction = np.float32(0.3) + np.float32(3e-8) * np.arange(10, dtype=np.float32)[:, None]
    assert math.isnan(pearson(np.arange(10.0)[:, None], prediction)[0])


def test_one_clip_has_no_correlation():
    assert np.isnan(pearson([[1.0, 2.0]], [[1.0, 2.0]])).all()
    assert mae([[1.0, 2.0]], [[1.0, 4.0]]).tolist() == [0.0, 2.0]


def test_shapes_must_agree():
    with pytest.raises(LabelError, match=r"\(2, 1\).*\(3, 1\)"):
        pearson(np.zeros((2, 1)), np.zeros((3, 1)))


def test_losses_equal_one_minus_the_metric():
    rng = np.random.default_rng(0)
    truth, prediction = rng.random((32, 4)), rng.random((32, 4))
    pair = torch.from_numpy(prediction), torch.from_numpy(truth)
    values = {name: batch_loss([name], *pair).value.item() for name in ("mse", "ccc", "pearson")}
    assert values["mse"] == pytest.approx(((truth - prediction) ** 2).mean())
    assert values["ccc"] == pytest.approx(1 - ccc(truth, prediction).mean())
    assert values["pearson"] == pytest.approx(1 - pearson(truth, prediction).mean())
    assert batch_loss(["mse", "ccc"], *pair).value.item() == pytest.approx(values["mse"] + values["ccc"])


@pytest.mark.parametrize("name", ["ccc", "pearson"])
def test_correlation_losses_skip_and_count_constant_columns(name):
    rng = np.random.default_rng(0)
    prediction = torch.from_numpy(rng.random((8, 3))).requires_grad_()
    truth = torch.from_numpy(rng.random((8, 3)))
    truth[:, 1] = 0.0
    loss = batch_loss([name], prediction, truth)
    assert loss.skipped == 1
    loss.value.backward()
    assert torch.isfinite(prediction.grad).all()
    assert not prediction.grad[:, 1].any()
    assert batch_loss([name], prediction, torch.zeros(8, 3)) == (None, 3)
    assert batch_loss(["mse", name], prediction, torch.zeros(8, 3)).value is not None


def test_ccc_still_pulls_at_a_constant_prediction():
    prediction = torch.full((8, 1), 0.5, requires_grad=True)
    truth = torch.linspace(0, 1, 8)[:, None]
    loss = batch_loss(["ccc"], prediction, truth)
    loss.value.backward()
    assert loss.skipped == 0
    assert prediction.grad.abs().sum() > 0
