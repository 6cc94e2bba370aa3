"""The small network as a fusion: its equations, and dropout in training alone."""

from __future__ import annotations

import torch

from train.heads.mlp import HIDDEN, Network


def test_the_vectors_are_joined_then_linear_relu_linear() -> None:
    fusion = Network([3, 2], 4, 0.5).eval()
    one, two = torch.randn(5, 3), torch.randn(5, 2)
    hidden = (torch.cat([one, two], 1) @ fusion[0].weight.T + fusion[0].bias).clamp(min=0)
    torch.testing.assert_close(fusion(one, two), hidden @ fusion[2].weight.T + fusion[2].bias)
    assert fusion[0].weight.shape == (HIDDEN, 5)


def test_it_leaves_out_inputs_and_hidden_units_in_training() -> None:
    torch.manual_seed(0)
    fusion = Network([64], 1, 0.5)
    torch.nn.init.ones_(fusion[0].weight)
    torch.nn.init.zeros_(fusion[0].bias)
    torch.nn.init.ones_(fusion[2].weight)
    torch.nn.init.zeros_(fusion[2].bias)
    values = fusion(torch.ones(500, 64)).detach().flatten()
    assert len(values.unique()) > 50
    # A half of 64 inputs and of the hidden units, twice as large: the mean stays, both add variance.
    assert abs(float(values.mean()) / (64 * HIDDEN) - 1) < 0.05
    assert 0.1 < float(values.std()) / (64 * HIDDEN) < 0.25
