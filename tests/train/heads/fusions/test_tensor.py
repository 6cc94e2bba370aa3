"""Tensor fusion against an outer product taken by numpy."""

from __future__ import annotations

import numpy as np

from train.heads.streams import StreamWidths


def layer(values, linear):
    return values @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


def test_every_value_meets_every_other(fusion, states, widths):
    module, given = fusion("tensor"), states(widths, 3)
    for clip in range(3):
        parts = []
        for state, project in zip(given, module.projections, strict=True):
            vector = np.concatenate([each[clip].numpy() for each in state.vectors])
            parts.append(np.concatenate([[1.0], np.maximum(layer(vector, project), 0)]))
        product = np.einsum("a,b,c->abc", *parts).ravel()
        hidden = np.maximum(layer(product, module.out[0]), 0)
        expected = layer(np.maximum(layer(hidden, module.out[2]), 0), module.out[4])
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-10)


def test_the_product_stays_small(fusion):
    for count, size in ((2, 32), (3, 32), (4, 12), (5, 7), (8, 2)):
        streams = [StreamWidths(str(number), (4,), 0) for number in range(count)]
        module = fusion("tensor", streams)
        assert [each.out_features for each in module.projections] == [size] * count
        assert module.out[0].in_features == (size + 1) ** count
