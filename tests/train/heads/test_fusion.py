"""Fusions join the vectors of a clip and keep torch's tensor names."""

from __future__ import annotations

import torch

from train.heads.fusion import Concat, ConcatLinear


def test_the_method_joins_then_linear_tanh_linear():
    fusion = Concat([3, 2], 4, 0.0)
    one, two = torch.randn(5, 3), torch.randn(5, 2)
    hidden = torch.tanh(torch.cat([one, two], 1) @ fusion[0].weight.T + fusion[0].bias)
    torch.testing.assert_close(fusion(one, two), hidden @ fusion[2].weight.T + fusion[2].bias)
    assert {name: tuple(each.shape) for name, each in fusion.state_dict().items()} == {
        "0.weight": (5, 5),
        "0.bias": (5,),
        "2.weight": (4, 5),
        "2.bias": (4,),
    }


def test_without_the_component_it_is_one_linear_layer():
    fusion = ConcatLinear([3, 2], 4, 0.0)
    one, two = torch.randn(5, 3), torch.randn(5, 2)
    torch.testing.assert_close(fusion(one, two), torch.cat([one, two], 1) @ fusion.weight.T + fusion.bias)
    assert list(fusion.state_dict()) == ["weight", "bias"]
