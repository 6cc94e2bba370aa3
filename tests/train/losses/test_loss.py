"""What the built-in losses ask of their batches."""

from __future__ import annotations

import pytest
import torch

from train.losses.loss import Loss, varies
from train.losses.registry import LOSSES


@pytest.mark.parametrize(("name", "across"), [("mse", False), ("ccc", True), ("pearson", True)])
def test_correlations_need_a_fair_draw(name, across):
    loss = LOSSES.get(name)
    assert isinstance(loss, Loss)
    assert loss.across_clips == across


@pytest.mark.parametrize("value", [33.3, 0.1, -1e6, 1e-7, 0.0])
@pytest.mark.parametrize("clips", [1, 2, 7, 32, 1000])
def test_one_value_in_every_row_is_constant_whatever_its_size(value, clips):
    column = torch.full((clips, 1), value)
    assert not varies(column).any()
    noise = column * (1 + 1e-7 * torch.randn(clips, 1))  # what float32 leaves of one value
    assert not varies(noise).any()


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1.0, 1e6])
def test_small_and_large_columns_vary_as_they_do_at_any_scale(scale):
    columns = scale * torch.tensor([[0.1, 5.0], [0.2, 5.0001], [0.4, 5.0]])
    assert varies(columns).all()


@pytest.mark.parametrize("name", ["ccc", "pearson"])
def test_a_constant_column_of_labels_teaches_nothing(name):
    torch.manual_seed(0)
    predictions = torch.randn(32, 2, requires_grad=True)
    targets = torch.stack([torch.full((32,), 33.3), torch.randn(32)], dim=1)
    value, skipped = LOSSES.get(name).of(predictions, targets)
    assert skipped == 1
    value.backward()
    assert (predictions.grad[:, 0] == 0).all()
    assert (predictions.grad[:, 1] != 0).any()


@pytest.mark.parametrize("name", ["ccc", "pearson"])
def test_the_loss_of_tiny_labels_is_that_of_large_ones(name):
    torch.manual_seed(0)
    one, two = torch.randn(2, 32, 3)
    large, small = (LOSSES.get(name).of(scale * one, scale * two) for scale in (1.0, 1e-7))
    assert (small.skipped, large.skipped) == (0, 0)
    torch.testing.assert_close(small.value, large.value)
