"""The loss of a batch is the sum of its terms, and counts the columns that were left out."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from train.errors import ConfigError
from train.losses.loss import Loss, LossValue
from train.losses.registry import LOSSES
from train.losses.total import batch_loss, looks_across_clips


def test_a_sum_is_the_sum_of_its_terms():
    predictions, targets = torch.randn(8, 3), torch.randn(8, 3)
    terms = [batch_loss([name], predictions, targets).value for name in ("mse", "ccc", "pearson")]
    total = batch_loss(["mse", "ccc", "pearson"], predictions, targets)
    torch.testing.assert_close(total.value, sum(terms))
    assert total.skipped == 0


def test_constant_columns_are_left_out_of_correlations_and_counted():
    predictions, targets = torch.randn(8, 3), torch.randn(8, 3)
    targets[:, 1] = 0.5
    for name in ("ccc", "pearson"):
        found = batch_loss([name], predictions, targets)
        alone = batch_loss([name], predictions[:, [0, 2]], targets[:, [0, 2]])
        torch.testing.assert_close(found.value, alone.value)
        assert found.skipped == 1
    assert batch_loss(["ccc"], predictions, torch.ones(8, 3)) == (None, 3)


def test_only_correlations_look_across_clips():
    assert not looks_across_clips(["mse"])
    assert looks_across_clips(["mse", "ccc"])


EVERY = ["mse", "ccc", "pearson"]


@pytest.mark.parametrize("name", EVERY)
def test_a_column_is_over_the_clips_that_have_its_label(name):
    torch.manual_seed(0)
    predictions, targets = torch.randn(32, 3, requires_grad=True), torch.randn(32, 3)
    targets[::2, 0] = targets[:5, 1] = torch.nan
    found = batch_loss([name], predictions, targets)
    there = ~targets.isnan()
    alone = [
        batch_loss([name], predictions[t, k : k + 1], targets[t, k : k + 1]).value
        for k, t in enumerate(there.T)
    ]
    torch.testing.assert_close(found.value, torch.stack(alone).mean())
    found.value.backward()
    assert found.skipped == 0
    assert not predictions.grad[~there].any()
    assert predictions.grad[there].all()


@pytest.mark.parametrize("name", EVERY)
def test_a_column_without_any_label_is_left_out_and_counted(name):
    torch.manual_seed(0)
    predictions, targets = torch.randn(8, 3, requires_grad=True), torch.randn(8, 3)
    targets[:, 1] = torch.nan
    found = batch_loss([name], predictions, targets)
    torch.testing.assert_close(
        found.value, batch_loss([name], predictions[:, [0, 2]], targets[:, [0, 2]]).value
    )
    assert found.skipped == 1
    found.value.backward()
    assert torch.isfinite(predictions.grad).all()
    assert batch_loss([name], predictions, targets * torch.nan) == (None, 3)


@pytest.mark.parametrize("name", ["ccc", "pearson"])
def test_one_label_of_a_column_is_no_correlation(name):
    targets = torch.randn(8, 2)
    targets[1:, 0] = torch.nan
    assert batch_loss([name], torch.randn(8, 2), targets).skipped == 1


@pytest.mark.parametrize("name", EVERY)
def test_equal_weights_change_nothing_and_whole_weights_repeat_clips(name):
    torch.manual_seed(0)
    predictions, targets = torch.randn(16, 2), torch.randn(16, 2)
    plain = batch_loss([name], predictions, targets).value
    torch.testing.assert_close(batch_loss([name], predictions, targets, torch.ones(16)).value, plain)
    weights = torch.arange(16) % 4
    repeated = torch.repeat_interleave(torch.arange(16), weights)
    again = batch_loss([name], predictions[repeated], targets[repeated]).value
    found = batch_loss([name], predictions, targets, weights / weights.float().mean()).value
    torch.testing.assert_close(found, again)


def test_weights_of_nothing_leave_correlations_undefined_and_squares_at_zero():
    predictions, targets, nothing = torch.randn(4, 2), torch.randn(4, 2), torch.zeros(4)
    assert batch_loss(["mse"], predictions, targets, nothing).value == 0
    assert batch_loss(["ccc"], predictions, targets, nothing) == (None, 2)


def test_a_loss_that_knows_no_missing_labels_says_so():
    plain = Loss(lambda one, two: LossValue((one - two).abs().mean(), 0), across_clips=False)
    sys.modules["absolute_of_a_test"] = types.SimpleNamespace(ABSOLUTE=plain)
    LOSSES.add("absolute", "absolute_of_a_test:ABSOLUTE", "absolute error")
    try:
        assert batch_loss(["absolute"], torch.zeros(2, 1), torch.ones(2, 1)).value == 1
        with pytest.raises(ConfigError, match="loss absolute: knows neither missing labels nor weights"):
            batch_loss(["absolute"], torch.zeros(2, 1), torch.tensor([[1.0], [torch.nan]]))
    finally:
        LOSSES.remove("absolute")
        del sys.modules["absolute_of_a_test"]
