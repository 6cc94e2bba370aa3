"""Attention at two scales against its equations in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.heads.temporal.two_scale import TwoScaleAttention, TwoScaleLayer


def linear(values, module):
    return values @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def norm(values, module):
    moved = (values - values.mean(1, keepdims=True)) / np.sqrt(values.var(1, keepdims=True) + 1e-5)
    return moved * module.weight.detach().numpy() + module.bias.detach().numpy()


def attention(queries, keys, values, heads):
    size, parts = queries.shape[1] // heads, []
    for first in range(0, queries.shape[1], size):
        of = slice(first, first + size)
        scores = np.exp(queries[:, of] @ keys[:, of].T / np.sqrt(size))
        parts.append(scores / scores.sum(1, keepdims=True) @ values[:, of])
    return np.concatenate(parts, 1)


def in_numpy(layer, frames):
    """What a layer makes of one clip without padding, (frames, hidden)."""
    windows = [frames[first : first + 16] for first in range(0, len(frames), 16)]
    near = []
    for window in windows:
        places = layer.places.detach().numpy()[: len(window)]
        near.append(attention(*np.split(linear(window + places, layer.local), 3, axis=1), layer.heads))
    keys, values = np.split(linear(np.stack([each.mean(0) for each in windows]), layer.answer), 2, axis=1)
    far = attention(linear(frames, layer.ask), keys, values, layer.heads)
    joined = linear(np.concatenate([np.concatenate(near), far], 1), layer.join)
    frames = norm(frames + joined, layer.norm_attention)
    return norm(frames + linear(np.maximum(linear(frames, layer.widen), 0), layer.narrow), layer.norm_network)


@pytest.mark.parametrize("length", [1, 16, 37])
def test_windows_and_the_whole_clip(length):
    torch.manual_seed(0)
    model = TwoScaleAttention(6, 8, 2).double()
    frames = torch.randn(1, length, 6).double()
    seen = linear(frames[0].numpy(), model.project)
    for layer in model.layers:
        seen = in_numpy(layer, seen)
    scores = np.exp(linear(seen, model.score))
    expected = (scores / scores.sum() * seen).sum(0)
    padded = torch.nn.functional.pad(frames, (0, 0, 0, 21), value=5.0)
    found = model.summarise(padded, torch.tensor([length]))[0].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_gradients_are_numbers_where_a_window_is_empty():
    model = TwoScaleAttention(4, 6, 1).double()
    frames = torch.randn(2, 40, 4, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([40, 3])

    def run(given):
        return model.summarise(given, lengths)

    assert torch.autograd.gradcheck(run, frames, fast_mode=True)
    run(frames).sum().backward()
    assert all(each.grad.isfinite().all() for each in model.parameters())
    assert frames.grad[1, 3:].abs().max() == 0


def test_as_many_heads_as_divide_the_units():
    assert [TwoScaleLayer(units).heads for units in (8, 6, 5)] == [4, 2, 1]
