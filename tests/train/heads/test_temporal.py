"""Temporal models: padding has no effect, and every faster way gives what torch's own LSTM gives."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from train.config import TEMPORAL as NAMES
from train.fitting.adamw import AdamW
from train.heads import lstm_cpu, temporal
from train.heads.head import HeadShape, new_head
from train.heads.lstm_cuda import run_wider


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 20), min_size=2, max_size=6), layers=st.integers(1, 2))
def test_padded_equals_alone(name, lengths, layers):
    shape = HeadShape(width=6, targets=3, hidden=5, lstm_layers=layers, temporal=name)
    head = new_head(shape, seed=0).eval()
    rng = np.random.default_rng(len(lengths))
    clips = [torch.from_numpy(rng.standard_normal((n, 6)).astype(np.float32)) for n in lengths]
    means = torch.stack([clip.mean(0) for clip in clips])
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=1e3)
    with torch.inference_mode():
        together = head(padded, torch.tensor(lengths), means)
        for row, clip in enumerate(clips):
            alone = head(clip[None], torch.tensor([len(clip)]), means[row : row + 1])
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)


def test_the_two_way_lstm_equals_torchs_on_a_clip_alone():
    model = temporal.TwoWayLSTM(4, 3, 2).double()
    reference = nn.LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for layer in range(2):
            for part, suffix in (
                (model.forward_layers[layer], ""),
                (model.backward_layers[layer], "_reverse"),
            ):
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(reference, f"{kind}_l{layer}{suffix}").copy_(getattr(part, f"{kind}_l0"))
    frames = torch.randn(1, 7, 4, dtype=torch.float64)
    outputs = reference(frames)[0][0]
    expected = torch.cat([outputs[-1, :3], outputs[0, 3:]])
    torch.testing.assert_close(model.summarise(frames, torch.tensor([7]))[0], expected)


def test_each_model_is_short():
    for each in (
        temporal.LastOutputLSTM,
        temporal.LastOutputGRU,
        temporal.TwoWayLSTM,
        temporal.AttentionPooling,
    ):
        assert len(inspect.getsource(each).splitlines()) <= 40


def gradients(outputs, lstm):
    lstm.zero_grad()
    outputs.square().sum().backward()
    return [parameter.grad.clone() for parameter in lstm.parameters()]


FAST = {
    "recurrence": lambda lstm, frames: lstm_cpu.run_lstm(lstm, frames, frames.dtype),
    "padded": run_wider,
}


@pytest.mark.parametrize("way", FAST)
@pytest.mark.parametrize(("width", "hidden", "layers"), [(5, 7, 2), (3, 16, 1), (8, 3, 3)])
@pytest.mark.parametrize("length", [1, 9])
def test_the_faster_ways_equal_torchs_lstm_forward_and_back(way, width, hidden, layers, length):
    torch.manual_seed(0)
    lstm = nn.LSTM(width, hidden, num_layers=layers, batch_first=True).double()
    frames = torch.randn(4, length, width, dtype=torch.float64, requires_grad=True)
    expected, found = lstm(frames)[0], FAST[way](lstm, frames)
    torch.testing.assert_close(found, expected)
    for one, two in zip(gradients(found, lstm), gradients(lstm(frames)[0], lstm), strict=True):
        torch.testing.assert_close(one, two)
    at_frames = [
        torch.autograd.grad(each.square().sum(), frames)[0] for each in (FAST[way](lstm, frames), expected)
    ]
    torch.testing.assert_close(*at_frames)


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


def test_adamw_equals_torchs():
    one, two = (new_head(HeadShape(width=4, targets=2, hidden=3), 0) for _ in range(2))
    ours, theirs = AdamW(one, weight_decay=0.01), torch.optim.AdamW(two.parameters(), weight_decay=0.01)
    for step in range(5):
        batch = torch.randn(3, 6, 4), torch.tensor([6, 3, 1]), torch.randn(3, 4)
        for head in (one, two):
            head.zero_grad()
            head(*batch).square().sum().backward()
        rate = 1e-2 / (step + 1)
        ours.step(rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
    for mine, reference in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-6, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_padding_changes_nothing():
    lstm = nn.LSTM(11, 13, num_layers=2, batch_first=True).cuda()
    frames = torch.randn(4, 9, 11, device="cuda")
    torch.testing.assert_close(run_wider(lstm, frames), lstm(frames)[0], atol=1e-4, rtol=1e-4)
