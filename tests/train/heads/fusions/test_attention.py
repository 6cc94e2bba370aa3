"""The attention fusion against its equations in numpy."""

from __future__ import annotations

import numpy as np


def layer(values, linear):
    return values @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


def network(values, linears):
    for linear in linears:
        values = np.maximum(layer(values, linear), 0)
    return values


def test_weights_are_linear_and_no_softmax(fusion, states, widths):
    module, given = fusion("attention"), states(widths, 4)
    vectors = [np.concatenate([each.numpy() for each in state.vectors], 1) for state in given]
    hidden = [network(each, encode[::2]) for each, encode in zip(vectors, module.encoders, strict=True)]
    weights = layer(network(np.concatenate(hidden, 1), module.weigh[0:4:2]), module.weigh[4])
    summed = sum(weights[:, [place]] * each for place, each in enumerate(hidden))
    np.testing.assert_allclose(module(given).detach().numpy(), layer(summed, module.out), atol=1e-10)
    assert np.abs(weights.sum(1) - 1).min() > 1e-3
