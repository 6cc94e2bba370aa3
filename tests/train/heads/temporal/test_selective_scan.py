"""The recurrence in chunks is the recurrence frame by frame, with its gradients."""

from __future__ import annotations

import pytest
import torch

from train.heads.temporal import selective_scan
from train.heads.temporal.selective_scan import SelectiveScan


def drawn(frames: int, clips: int = 2, inner: int = 3, states: int = 4) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(frames)
    shapes = [(frames, clips, inner)] * 2 + [(frames, clips, states)] * 2 + [(states, inner)]
    inputs, steps, into, out_of, rates = (torch.randn(shape, generator=draw).double() for shape in shapes)
    return tuple(each.requires_grad_() for each in (inputs, steps.exp(), into, out_of, -rates.exp()))


def frame_by_frame(inputs, steps, into, out_of, rates):
    state, found = 0.0, []
    for x, step, b, c in zip(inputs, steps, into, out_of, strict=True):
        state = (step[:, None] * rates).exp() * state + x[:, None] * b[:, :, None]
        found.append((state * c[:, :, None]).sum(1))
    return torch.stack(found)


@pytest.mark.parametrize("values", [1, 3 * 24, 1 << 20])  # chunks of one frame, of three, and all in one
def test_any_chunk_gives_the_same(monkeypatch, values):
    monkeypatch.setattr(selective_scan, "CHUNK_VALUES", values)
    given = drawn(7)
    found, expected = SelectiveScan.apply(*given), frame_by_frame(*given)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0)).double()
    gradients = [torch.autograd.grad((each * weights).sum(), given) for each in (found, expected)]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)


def test_its_gradients_are_right(monkeypatch):
    monkeypatch.setattr(selective_scan, "CHUNK_VALUES", 2 * 24)
    assert torch.autograd.gradcheck(SelectiveScan.apply, drawn(5))


def test_one_frame_is_enough():
    given = drawn(1)
    torch.testing.assert_close(SelectiveScan.apply(*given), frame_by_frame(*given))
