"""Temporal models: whatever pads a clip has no effect on its vector."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from train import fit, load_run, predict
from train.heads.head import HeadShape, new_head
from train.heads.registry import TEMPORAL_MODELS
from train.heads.temporal.model import at_last_frame


@pytest.mark.parametrize("name", TEMPORAL_MODELS)
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


def test_each_model_is_short():
    for name in TEMPORAL_MODELS:
        assert len(inspect.getsource(TEMPORAL_MODELS.get(name)).splitlines()) <= 40


@pytest.mark.parametrize("name", TEMPORAL_MODELS)
def test_in_bfloat16_it_says_much_the_same(name):
    torch.manual_seed(0)
    model, frames, lengths = (
        TEMPORAL_MODELS.get(name)(8, 16, 2),
        torch.randn(3, 40, 8),
        torch.tensor([40, 7, 20]),
    )
    expected = model.summarise(frames, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.summarise(frames, lengths).float()
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.05)
    if list(model.parameters()):
        found.sum().backward()


def test_the_last_frame_is_that_of_each_clip():
    outputs = torch.arange(24.0).view(2, 4, 3)
    found = at_last_frame(outputs, torch.tensor([2, 4]))
    torch.testing.assert_close(found, torch.stack([outputs[0, 1], outputs[1, 3]]))


@pytest.mark.parametrize("temporal", ["gru", "bilstm", "attention", "mean", "mamba", "two-scale"])
def test_other_temporal_models_learn(corpus, splits, small, quiet, tmp_path, temporal):
    run = fit(
        corpus.cache, splits, replace(small, temporal=temporal, lr=0.02), tmp_path / "run", progress=quiet
    )
    assert run.metrics["valid"]["pearson"]["mean"] > 0.5
    np.testing.assert_allclose(
        predict(load_run(run.path), corpus.cache, splits.valid.clip_ids).values[0],
        predict(run, corpus.cache, splits.valid.clip_ids[:1]).values[0],
        atol=1e-5,
    )
