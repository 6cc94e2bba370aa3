"""The CPU's own loop gives what torch's LSTM gives, and is taken where it is faster."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.heads.head import HeadShape, new_head
from train.heads.temporal import lstm_cpu


def run(lstm, frames):
    return lstm_cpu.run_lstm(lstm, frames, frames.dtype)


@pytest.mark.parametrize(("width", "hidden", "layers"), [(5, 7, 2), (3, 16, 1), (8, 3, 3)])
@pytest.mark.parametrize("length", [1, 9])
def test_it_equals_torchs_lstm_forward_and_back(equals_torch, width, hidden, layers, length):
    equals_torch(run, nn.LSTM(width, hidden, num_layers=layers, batch_first=True), length)


def test_a_wide_bfloat16_head_takes_the_faster_way_and_stays_close(monkeypatch):
    shape = HeadShape(width=9, targets=2, hidden=lstm_cpu.WIDE, lstm_layers=1)
    head = new_head(shape, 0)
    frames, lengths, means = torch.randn(3, 6, 9), torch.tensor([6, 2, 1]), torch.randn(3, 9)
    expected = head(frames, lengths, means)
    called = []
    original = lstm_cpu.run_lstm
    monkeypatch.setattr(lstm_cpu, "run_lstm", lambda *given: called.append(1) or original(*given))
    with torch.autocast("cpu", torch.bfloat16):
        found = head(frames, lengths, means)
    assert called == [1]
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.05)
    head(frames, lengths, means)
    assert called == [1]
