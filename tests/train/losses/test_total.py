"""The loss of a batch is the sum of its terms, and counts the columns that were left out."""

from __future__ import annotations

import torch

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
