"""A layer of selective state spaces against its equations in numpy, and both directions of a model."""

from __future__ import annotations

import numpy as np
import torch

from train.heads.temporal.mamba import MambaLayer, TwoWayMamba


def silu(values):
    return values / (1 + np.exp(-values))


def in_numpy(layer, frames):
    """What a layer makes of one clip (frames, width), frame after frame; as published and as usual code has it."""
    of = {name: each.detach().numpy() for name, each in layer.named_parameters()}
    inner = len(of["D"])
    rates, state = -np.exp(of["A_log"]), np.zeros((inner, 16))
    scaled = frames / np.sqrt((frames**2).mean(1, keepdims=True) + 1e-5) * of["norm.weight"]
    both = scaled @ of["in_proj.weight"].T
    given, gates = both[:, :inner], both[:, inner:]
    before, found = np.concatenate([np.zeros((3, inner)), given]), []
    for t, gate in enumerate(gates):
        x = silu((before[t : t + 4] * of["conv1d.weight"][:, 0].T).sum(0) + of["conv1d.bias"])
        made = of["x_proj.weight"] @ x
        rank = len(made) - 32
        step = np.log1p(np.exp(of["dt_proj.weight"] @ made[:rank] + of["dt_proj.bias"]))
        state = np.exp(step[:, None] * rates) * state + np.outer(step * x, made[rank : rank + 16])
        y = state @ made[rank + 16 :] + of["D"] * x
        found.append(of["out_proj.weight"] @ (y * silu(gate)))
    return frames + np.stack(found)


def test_a_layer_is_its_equations():
    torch.manual_seed(0)
    layer = MambaLayer(20).double()
    with torch.no_grad():
        for each in layer.parameters():
            each.add_(0.1 * torch.randn_like(each))
    frames = torch.randn(2, 11, 20).double()
    found = layer(frames).detach().numpy()
    for clip in range(2):
        np.testing.assert_allclose(found[clip], in_numpy(layer, frames[clip].numpy()), atol=1e-10)


def test_each_direction_is_read_where_it_ends():
    torch.manual_seed(0)
    model = TwoWayMamba(6, 5, 2).double()
    frames = torch.randn(1, 9, 6).double()
    projected = (frames[0] @ model.project.weight.T + model.project.bias).detach().numpy()
    ahead, back = projected, projected[::-1]
    for one, two in zip(model.forward_layers, model.backward_layers, strict=True):
        ahead, back = in_numpy(one, ahead), in_numpy(two, back)
    padded = torch.nn.functional.pad(frames, (0, 0, 0, 4), value=9.0)
    found = model.summarise(padded, torch.tensor([9]))[0].detach().numpy()
    np.testing.assert_allclose(found, np.concatenate([ahead[-1], back[-1]]), atol=1e-10)


def test_gradients_of_frames_and_weights():
    torch.manual_seed(0)
    model, lengths = TwoWayMamba(3, 2, 1).double(), torch.tensor([4, 2])
    weights = list(model.parameters())

    def run(frames, *_weights):
        return model.summarise(frames, lengths)

    frames = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (frames, *weights), fast_mode=True)


def test_steps_begin_where_they_are_published():
    steps = torch.nn.functional.softplus(MambaLayer(64).dt_proj.bias)
    assert 1e-3 <= steps.min().item() < 3e-3
    assert 3e-2 < steps.max().item() <= 1e-1 + 1e-6
