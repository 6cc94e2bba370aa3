"""An unfinished fit: what is kept of it, and that it comes back as it was."""

from __future__ import annotations

import math

import pytest
import torch

from train import FitConfig
from train.errors import RunError
from train.fitting.checkpoint import is_better, load_checkpoint, new_training, save_checkpoint
from train.heads.head import HeadShape, new_head
from train.runs.history import EpochRecord

SHAPE = HeadShape(width=4, targets=2, hidden=3)


def training(seed=0, shape=SHAPE):
    return new_training(new_head(shape, seed), FitConfig())


def test_an_undefined_score_is_never_better():
    assert not is_better(math.nan, None)
    assert is_better(-1.0, None)
    assert not is_better(0.5, 0.5)


def test_a_checkpoint_brings_everything_back(tmp_path):
    before = training()
    before.record(EpochRecord(1, 0.1, 0.5, math.nan, 0))
    before.record(EpochRecord(2, 0.05, 0.4, 0.3, 2))
    before.head(torch.randn(2, 3, 4), torch.tensor([3, 1]), torch.randn(2, 4)).sum().backward()
    before.optimiser.step(0.1)
    save_checkpoint(tmp_path / "c.safetensors", before)

    after = training(seed=1)
    load_checkpoint(tmp_path / "c.safetensors", after)

    assert (after.best_epoch, after.best_score, after.optimiser.step_count) == (2, 0.3, 1)
    assert math.isnan(after.history[0].score)
    assert after.history[1] == before.history[1]
    for states in (
        (before.head.state_dict(), after.head.state_dict()),
        (before.best_weights, after.best_weights),
    ):
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    moments = before.optimiser.tensors(), after.optimiser.tensors()
    assert all(torch.equal(moments[0][name], moments[1][name]) for name in moments[0])


def test_a_checkpoint_of_another_head_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c.safetensors", training())
    with pytest.raises(RunError, match="not a checkpoint of this head"):
        load_checkpoint(tmp_path / "c.safetensors", training(shape=HeadShape(width=4, targets=2, hidden=5)))


def test_a_flipped_bit_is_refused(tmp_path):
    path, before = tmp_path / "c.safetensors", training()
    before.record(EpochRecord(1, 0.1, math.nan, 0.3, 0))
    save_checkpoint(path, before)
    whole = path.read_bytes()
    after = training(seed=1)
    load_checkpoint(path, after)
    assert math.isnan(after.history[0].loss)
    for position in range(0, 8 * len(whole), 331):
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        after = training(seed=1)
        try:
            load_checkpoint(path, after)
        except RunError:
            continue
        assert after.history[0].score == 0.3
        assert all(torch.equal(t, after.head.state_dict()[n]) for n, t in before.head.state_dict().items())
