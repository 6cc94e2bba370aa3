"""The cross-entropy of a softmax over classes: torch's own, with gaps and weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from train.losses.registry import is_loss
from train.losses.total import batch_loss


@pytest.fixture
def drawn():
    torch.manual_seed(0)
    which = torch.arange(12) % 3
    return torch.randn(12, 3, requires_grad=True), one_hot(which, 3).float(), which


def of(*arguments):
    return batch_loss(["cross-entropy"], *arguments)


def test_it_is_that_of_torch_for_classes_and_for_shares(drawn):
    predictions, targets, which = drawn
    torch.testing.assert_close(of(predictions, targets).value, cross_entropy(predictions, which))
    shares = torch.rand(12, 3).softmax(1)
    torch.testing.assert_close(of(predictions, shares).value, cross_entropy(predictions, shares))


def test_clips_without_labels_are_left_out_and_whole_weights_repeat(drawn):
    predictions, targets, which = drawn
    gaps = targets.clone()
    gaps[::4] = torch.nan
    there = torch.arange(12) % 4 != 0
    found = of(predictions, gaps)
    torch.testing.assert_close(found.value, cross_entropy(predictions[there], which[there]))
    found.value.backward()
    assert not predictions.grad[~there].any()
    assert torch.isfinite(predictions.grad).all()
    assert of(predictions, gaps * torch.nan) == (None, 3)
    weights = torch.arange(12) % 3
    again = torch.repeat_interleave(torch.arange(12), weights)
    torch.testing.assert_close(
        of(predictions, targets, weights.float()).value, cross_entropy(predictions[again], which[again])
    )


def test_it_stands_alone():
    assert is_loss("cross-entropy")
    assert not is_loss("mse+cross-entropy")
