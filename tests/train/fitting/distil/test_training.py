"""The training of a student: it learns, it goes on with the same bits, and a damaged state is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from cache.common.student.layout import layout_of
from train.errors import RunError
from train.fitting.distil.lessons import read_lessons
from train.fitting.distil.options import DistilOptions
from train.fitting.distil.passes import Pass
from train.fitting.distil.training import Batch, Scale, Training, hear_held, run_epoch

OPTIONS = DistilOptions("10k", hidden=2, epochs=4, batch_size=6)
OF = Pass("a part", np.arange(24), np.arange(24, 36))


@pytest.fixture(scope="module")
def lessons(pair):
    with CacheReader(pair.logmel) as logmel, CacheReader(pair.teacher) as teacher:
        return read_lessons(logmel, teacher, OPTIONS)


def begin(lessons) -> Training:
    return Training.begin(lessons, layout_of("10k", lessons.dimensions, 2), OPTIONS, OF)


def test_the_loss_falls_and_held_clips_are_noted(lessons) -> None:
    training = begin(lessons)
    for _ in range(4):
        run_epoch(training, lessons, OPTIONS, OF)
    assert training.history[-1] < 0.8 * training.history[0]
    hear_held(training, lessons, OF, 5)
    assert np.isnan(training.held[:24]).all()
    assert np.isfinite(training.held[24:]).all()
    assert training.sums[:, 0].tolist() == [sum(lessons.lengths[24:])] * 5


def test_a_stopped_training_goes_on_with_the_same_bits(lessons, tmp_path) -> None:
    whole, first = begin(lessons), begin(lessons)
    for _ in range(3):
        run_epoch(whole, lessons, OPTIONS, OF)
    run_epoch(first, lessons, OPTIONS, OF)
    first.save(tmp_path / "state")
    second = begin(lessons)
    second.restore(tmp_path / "state")
    for _ in range(2):
        run_epoch(second, lessons, OPTIONS, OF)
    assert second.history == whole.history
    for name, each in whole.student.tensors().items():
        assert torch.equal(each, second.student.tensors()[name])


def test_a_damaged_state_is_refused(lessons, tmp_path) -> None:
    training, path = begin(lessons), tmp_path / "state"
    training.save(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match="its own checksum"):
        training.restore(path)


def test_a_batch_is_in_deviations_of_what_is_heard(lessons) -> None:
    scale = Scale.of(lessons, OF.heard)
    batch = Batch.of(lessons, OF.heard, scale)
    np.testing.assert_allclose(batch.clips.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(batch.clips.std(0, correction=0), 1, rtol=1e-4)
    assert batch.frames.shape == (24, int(lessons.lengths[:24].max()), 81)
    assert not batch.frames[0, int(batch.lengths[0]) :].any()


def test_a_dimension_that_clips_agree_on_does_not_drown_the_others(lessons) -> None:
    clips = lessons.clips.copy()
    clips[:, 2] = 0.5  # its frames vary
    scale = Scale.of(replace(lessons, clips=clips), OF.heard)
    of_frames = np.concatenate([lessons.readout[at] for at in OF.heard]).std(0)
    assert scale.deviations[2] == pytest.approx(of_frames[2])
    assert scale.deviations[:2] == pytest.approx(clips[:24, :2].std(0))
    still = [np.full_like(each, 0.5) for each in lessons.readout]
    assert (Scale.of(replace(lessons, clips=clips, readout=tuple(still)), OF.heard).deviations > 0).all()


def test_a_loss_that_is_no_number_ends_the_training(lessons) -> None:
    training = begin(lessons)
    with torch.no_grad():
        next(training.student.parameters()).fill_(torch.nan)
    with pytest.raises(RunError, match="became nan in epoch 1; lower --lr"):
        run_epoch(training, lessons, OPTIONS, OF)
