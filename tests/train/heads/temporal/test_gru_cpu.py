"""The CPU's own GRU gives what torch's gives, forward and back, and is taken where it is faster."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.heads.temporal import gru_cpu
from train.heads.temporal.gru import LastOutputGRU

ON_CPU = torch.backends.mkldnn.is_available()


@pytest.mark.parametrize(("width", "hidden", "layers"), [(5, 7, 2), (3, 16, 1), (8, 3, 3), (4, 100, 1)])
@pytest.mark.parametrize("length", [1, 9])
def test_it_equals_torchs_gru_forward_and_back(equals_torch, width, hidden, layers, length):
    equals_torch(gru_cpu.run_gru, nn.GRU(width, hidden, num_layers=layers, batch_first=True), length)


@pytest.mark.parametrize("hidden", [6, gru_cpu.WIDE, 131])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_in_float32_it_is_as_exact(hidden, scale):
    """Both ways of taking a frame's product; with larger weights the gates saturate."""
    torch.manual_seed(0)
    gru = nn.GRU(11, hidden, num_layers=2, batch_first=True)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.mul_(scale)
    frames, weight = torch.randn(32, 70, 11, requires_grad=True), torch.randn(32, 70, hidden) / 70
    inputs = [frames, *gru.parameters()]
    expected, found = gru(frames)[0], gru_cpu.run_gru(gru, frames)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    wanted, got = (torch.autograd.grad((each * weight).sum(), inputs) for each in (expected, found))
    for one, two in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


class Ours(nn.GRU):
    """A GRU that runs our way."""

    def forward(self, frames):
        return gru_cpu.run_gru(self, frames)


def test_gradients_are_those_of_the_outputs():
    torch.manual_seed(0)
    gru = Ours(2, 3, num_layers=2, batch_first=True).double()
    frames = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    named = {name: value.detach().clone().requires_grad_() for name, value in gru.named_parameters()}

    def outputs(frames, *values):
        return torch.func.functional_call(gru, dict(zip(named, values, strict=True)), (frames,))

    assert torch.autograd.gradcheck(outputs, (frames, *named.values()))


def test_extreme_inputs_saturate_and_stay_numbers():
    gru = nn.GRU(3, 5, batch_first=True)
    frames = torch.full((2, 6, 3), 1e6, requires_grad=True)
    found = gru_cpu.run_gru(gru, frames)
    torch.testing.assert_close(found, gru(frames)[0])
    found.sum().backward()
    assert torch.isfinite(frames.grad).all()


def test_padding_and_the_batch_change_nothing():
    model = LastOutputGRU(4, 20, 2)
    frames, lengths = torch.randn(3, 12, 4), torch.tensor([12, 5, 1])
    together = model.summarise(frames, lengths)
    other = frames.clone()
    for row, length in enumerate(lengths.tolist()):
        other[row, length:] = 1e3
        alone = model.summarise(frames[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.summarise(other, lengths), together, atol=0, rtol=0)


def test_frames_that_need_no_gradient_get_none_and_weights_do():
    gru = nn.GRU(4, 6, batch_first=True)
    frames = torch.randn(2, 5, 4)
    gru_cpu.run_gru(gru, frames).sum().backward()
    assert frames.grad is None
    assert all(parameter.grad is not None for parameter in gru.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(gru_cpu.run_gru(gru, frames), gru(frames)[0], atol=1e-5, rtol=0)


def test_the_same_call_gives_the_same_bits():
    gru = nn.GRU(9, 100, num_layers=2, batch_first=True)
    frames = torch.randn(32, 40, 9)
    turns = [gru_cpu.run_gru(gru, frames) for _ in range(2)]
    one, two = (torch.autograd.grad(each.square().sum(), list(gru.parameters())) for each in turns)
    assert torch.equal(*turns)
    assert all(map(torch.equal, one, two))


def test_without_onednns_product_it_is_the_same(monkeypatch):
    gru = nn.GRU(4, gru_cpu.WIDE, batch_first=True)
    frames = torch.randn(2, 5, 4)
    expected = gru_cpu.run_gru(gru, frames)
    monkeypatch.setattr(gru_cpu, "_PRODUCT", None)
    torch.testing.assert_close(gru_cpu.run_gru(gru, frames), expected, atol=1e-5, rtol=0)


@pytest.mark.skipif(not ON_CPU, reason="this torch has no oneDNN")
@pytest.mark.parametrize(
    ("hidden", "lowered", "taken"),
    [(6, False, 1), (gru_cpu.NARROW + 8, False, 1), (gru_cpu.NARROW, True, 1), (gru_cpu.NARROW + 8, True, 0)],
)
def test_it_is_taken_by_its_rule(monkeypatch, hidden, lowered, taken):
    model, called, original = LastOutputGRU(4, hidden, 1), [], gru_cpu.run_gru
    monkeypatch.setattr(gru_cpu, "run_gru", lambda *given: called.append(1) or original(*given))
    frames, lengths = torch.randn(2, 5, 4), torch.tensor([5, 3])
    expected = model(frames)[0][torch.arange(2), lengths - 1]
    with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
        found = model.summarise(frames, lengths)
    assert len(called) == taken
    torch.testing.assert_close(found.float(), expected, atol=0.02 if lowered and not taken else 1e-5, rtol=0)


def test_elsewhere_than_on_a_cpu_with_onednn_it_is_not_taken(monkeypatch):
    gru = nn.GRU(4, 6, batch_first=True)
    assert not gru_cpu.is_faster(gru, torch.empty(1, 2, 4, device="meta"))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not gru_cpu.is_faster(gru, torch.empty(1, 2, 4))
