"""Low-rank fusion is the whole outer product read by a tensor that is a sum of products."""

from __future__ import annotations

import numpy as np


def layer(values, linear):
    return values @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()


def test_it_reads_the_whole_product_by_a_tensor_of_rank_4(fusion, states, widths):
    module, given = fusion("low-rank"), states(widths, 3)
    factors = [each.detach().numpy() for each in module.factors]
    weights = module.weights.detach().numpy()[0]
    reading = np.einsum("r,rat,rbt,rct->abct", weights, *factors)
    for clip in range(3):
        parts = []
        for state, project in zip(given, module.projections, strict=True):
            vector = np.concatenate([each[clip].numpy() for each in state.vectors])
            parts.append(np.concatenate([[1.0], np.maximum(layer(vector, project), 0)]))
        product = np.einsum("a,b,c->abc", *parts)
        expected = np.einsum("abc,abct->t", product, reading) + module.bias.detach().numpy()
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-10)
