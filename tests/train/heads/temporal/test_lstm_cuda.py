"""An LSTM with padded widths gives what torch's LSTM gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.heads.temporal.lstm_cuda import run_padded, run_wider


@pytest.mark.parametrize(("width", "hidden", "layers"), [(5, 7, 2), (3, 16, 1), (8, 3, 3)])
@pytest.mark.parametrize("length", [1, 9])
def test_it_equals_torchs_lstm_forward_and_back(equals_torch, width, hidden, layers, length):
    equals_torch(run_wider, nn.LSTM(width, hidden, num_layers=layers, batch_first=True), length)


def test_elsewhere_than_on_cuda_nothing_is_padded():
    lstm = nn.LSTM(3, 5, batch_first=True)
    frames = torch.randn(2, 4, 3)
    torch.testing.assert_close(run_padded(lstm, frames), lstm(frames)[0], atol=0, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_padding_changes_nothing():
    lstm = nn.LSTM(11, 13, num_layers=2, batch_first=True).cuda()
    frames = torch.randn(4, 9, 11, device="cuda")
    torch.testing.assert_close(run_wider(lstm, frames), lstm(frames)[0], atol=1e-4, rtol=1e-4)
