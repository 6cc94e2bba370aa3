"""Late fusion: heads apart, and weights that non-negative least squares finds."""

from __future__ import annotations

import numpy as np
import torch


def test_equal_weights_give_the_mean_of_the_heads(fusion, states, widths):
    module, given = fusion("late"), states(widths, 5)
    outputs = module.outputs(given)
    joined = torch.cat(given[2].vectors, 1)
    one, _, two = module.heads[2]
    expected = (joined @ one.weight.T + one.bias).tanh() @ two.weight.T + two.bias
    torch.testing.assert_close(outputs[2], expected)
    torch.testing.assert_close(module(given), outputs.mean(0))


def test_weights_are_those_that_the_labels_were_made_of(fusion, states, widths):
    module, given = fusion("late"), states(widths, 40)
    outputs = module.outputs(given).detach().numpy()
    weights = np.array([[0.2, 0.0, 1.0], [0.5, 0.7, 0.0], [0.0, 0.3, 2.0]])
    truth = (weights[:, None] * outputs).sum(0)
    truth[:7, 1] = np.nan
    module.settle(outputs, truth)
    np.testing.assert_allclose(module.weights, weights, atol=1e-8)
    np.testing.assert_allclose(
        module(given).detach().numpy()[7:], (weights[:, None] * outputs).sum(0)[7:], atol=1e-8
    )
    assert "weights" in module.state_dict()


def test_no_weight_is_negative_and_a_target_without_labels_keeps_equal_ones(fusion, states, widths):
    module, given = fusion("late"), states(widths, 20)
    outputs = module.outputs(given).detach().numpy()
    truth = -outputs.sum(0)
    truth[:, 2] = np.nan
    truth[:, 0] = outputs[0, :, 0] - 0.5 * outputs[1, :, 0]
    module.settle(outputs, truth)
    assert (module.weights >= 0).all()
    assert module.weights[1, 0] == 0
    np.testing.assert_allclose(module.weights[:, 2], 1 / 3)


def test_a_target_that_no_weight_brings_nearer_counts_all_alike_whatever_was_found_before(
    fusion, states, widths
):
    module, given = fusion("late"), states(widths, 20)
    outputs = np.abs(module.outputs(given).detach().numpy())
    module.settle(outputs, outputs[0])
    np.testing.assert_allclose(module.weights[:, 0], [1, 0, 0], atol=1e-6)
    module.settle(outputs, -outputs[0])
    np.testing.assert_allclose(module.weights, 1 / 3)


def test_clips_of_which_a_head_says_nothing_finite_have_no_say(fusion, states, widths):
    module, given = fusion("late"), states(widths, 20)
    outputs = module.outputs(given).detach().numpy()
    truth = outputs[1].copy()
    outputs[2, 3] = np.nan
    module.settle(outputs, truth)
    np.testing.assert_allclose(module.weights[1], 1, atol=1e-6)
