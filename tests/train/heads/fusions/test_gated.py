"""Gated fusion against its equations in numpy."""

from __future__ import annotations

import numpy as np
import torch


def test_it_is_the_gated_sum(fusion, states, widths):
    module, given = fusion("gated"), states(widths, 4)
    vectors = [np.concatenate([each.numpy() for each in state.vectors], 1) for state in given]
    everything, summed = np.concatenate(vectors, 1), 0.0
    for vector, project, gate in zip(vectors, module.projections, module.gates, strict=True):
        with torch.no_grad():
            weights = [each.numpy() for each in (gate.weight, gate.bias, project.weight, project.bias)]
        share = 1 / (1 + np.exp(-(everything @ weights[0].T + weights[1])))
        summed = summed + share * np.tanh(vector @ weights[2].T + weights[3])
    expected = summed @ module.out.weight.detach().numpy().T + module.out.bias.detach().numpy()
    np.testing.assert_allclose(module(given).detach().numpy(), expected, atol=1e-10)
