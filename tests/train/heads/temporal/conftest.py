"""What the tests of the two LSTM kernels share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


def gradients(outputs: Tensor, lstm: nn.LSTM) -> list[Tensor]:
    lstm.zero_grad()
    outputs.square().sum().backward()
    return [parameter.grad.clone() for parameter in lstm.parameters()]


def check(run: Callable[[nn.LSTM, Tensor], Tensor], lstm: nn.LSTM, length: int) -> None:
    """Compare ``run(lstm, frames)`` with ``lstm(frames)[0]``: outputs, and gradients of weights and frames."""
    torch.manual_seed(0)
    lstm.reset_parameters()
    lstm = lstm.double()
    frames = torch.randn(4, length, lstm.input_size, dtype=torch.float64, requires_grad=True)
    expected, found = lstm(frames)[0], run(lstm, frames)
    torch.testing.assert_close(found, expected)
    for one, two in zip(gradients(found, lstm), gradients(lstm(frames)[0], lstm), strict=True):
        torch.testing.assert_close(one, two)
    at_frames = [
        torch.autograd.grad(each.square().sum(), frames)[0] for each in (run(lstm, frames), expected)
    ]
    torch.testing.assert_close(*at_frames)


@pytest.fixture
def equals_torch() -> Callable[..., None]:
    """Fail where a kernel gives other outputs or gradients than torch's LSTM."""
    return check
