"""The joint fusion of two streams against its equations, written out token by token as published."""

from __future__ import annotations

import numpy as np
import torch

from train.heads.fusions.steps import in_steps

SMALLEST = 1e-5


def layer(values, weight, bias):
    return values @ weight.T + bias


def attention(module, asking, asked):
    """Multi-head attention of torch's layout, in numpy: (queries, width) and (keys, width)."""
    weight, bias = module.in_proj_weight.detach().numpy(), module.in_proj_bias.detach().numpy()
    width = weight.shape[1]
    queries, keys, values = (
        layer(each, weight[start : start + width], bias[start : start + width])
        for each, start in ((asking, 0), (asked, width), (asked, 2 * width))
    )
    size, parts = width // module.num_heads, []
    for head in range(module.num_heads):
        of = slice(head * size, (head + 1) * size)
        scores = np.exp(queries[:, of] @ keys[:, of].T / np.sqrt(size))
        parts.append(scores / scores.sum(1, keepdims=True) @ values[:, of])
    return linear(np.concatenate(parts, 1), module.out_proj)


def linear(values, module):
    return layer(values, module.weight.detach().numpy(), module.bias.detach().numpy())


def norm(values, module):
    moved = values - values.mean(-1, keepdims=True)
    scaled = moved / np.sqrt((moved**2).mean(-1, keepdims=True) + SMALLEST)
    return scaled * module.weight.detach().numpy() + module.bias.detach().numpy()


def encoder(values, module):
    values = norm(values + attention(module.self_attn, values, values), module.norm1)
    inner = np.maximum(linear(values, module.linear1), 0)
    return norm(values + linear(inner, module.linear2), module.norm2)


def test_six_tokens_of_two_streams(fusion, states, widths):
    module, given = fusion("joint", widths[::2]).eval(), states(widths[::2], 2)
    steps = [in_steps(state).numpy() for state in given]
    for clip in range(2):
        x, y = (linear(each[clip], project) for each, project in zip(steps, module.projections, strict=True))
        j = linear(np.concatenate([x, y], 1), module.joint)
        x, y, j = (encoder(each, encode) for each, encode in zip((x, y, j), module.encoders, strict=True))
        of_x, of_y, of_j = module.attentions
        tokens = np.stack(
            [
                attention(of_x, x, y),
                attention(of_y, y, x),
                attention(of_j, j, x),
                attention(of_x, x, j),
                attention(of_j, j, y),
                attention(of_y, y, j),
            ],
            axis=1,
        )
        last = [attention(module.attend, *[encoder(each, module.encode)] * 2)[-1] for each in tokens]
        hidden = np.maximum(linear(np.mean(last, axis=0), module.out[0]), 0)
        expected = linear(hidden, module.out[2])
        np.testing.assert_allclose(module(given)[clip].detach().numpy(), expected, atol=1e-9)


def test_three_streams_make_twelve_tokens(fusion, states, widths):
    module = fusion("joint")
    assert len(module.pairs) == len(set(module.pairs)) == 12
    assert module.pairs[-1] == (2, 3)  # the last stream asks the joint one
    assert module(states(widths, 3)).isfinite().all()
    assert all(each.dtype == torch.float64 for each in module.parameters())
