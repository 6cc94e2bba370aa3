"""The m2f fusion against its equations: keys of one stream, values of the other."""

from __future__ import annotations

import numpy as np
import torch

from train.heads.fusions.steps import in_steps
from train.heads.registry import STREAM_FUSIONS


def linear(values, module):
    return values @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def attention(module, queries, keys, values):
    weights, biases = (
        np.split(each.detach().numpy(), 3) for each in (module.in_proj_weight, module.in_proj_bias)
    )
    queries, keys, values = (
        each @ weight.T + bias
        for each, weight, bias in zip((queries, keys, values), weights, biases, strict=True)
    )
    size = queries.shape[1] // module.num_heads
    parts = []
    for first in range(0, queries.shape[1], size):
        of = slice(first, first + size)
        scores = np.exp(queries[:, of] @ keys[:, of].T / np.sqrt(size))
        parts.append(scores / scores.sum(1, keepdims=True) @ values[:, of])
    return linear(np.concatenate(parts, 1), module.out_proj)


def test_text_weighs_its_own_frames_by_the_others(fusion, states, widths):
    module, given = fusion("m2f").eval(), states(widths, 3)
    steps = [in_steps(state).numpy() for state in given]
    for clip in range(3):
        audio, face, text = (
            linear(each[clip], project) for each, project in zip(steps, module.projections, strict=True)
        )
        found = [
            attention(ask, text, other, text)
            for ask, other in zip(module.attentions, (audio, face), strict=True)
        ]
        hidden = linear(np.maximum(np.concatenate([*found, text], 1), 0), module.join)
        expected = linear(np.maximum(hidden, 0).mean(0), module.out)
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-9)


def test_another_stream_can_ask(states, widths):
    made = STREAM_FUSIONS.get("m2f")
    torch.manual_seed(0)
    by_name = made(widths, 3, 0.0, query="audio").double().eval()
    assert by_name.place == 0
    assert by_name(states(widths, 2)).shape == (2, 3)
