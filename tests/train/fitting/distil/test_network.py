"""The student in torch is the student in numpy, alone or padded in a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cache.common.student.arrays import run_student
from cache.common.student.layout import SIZES, layout_of
from cache.format.schema import VAD_DIMS
from train.fitting.distil.bands import first_step
from train.fitting.distil.network import Student


def student_and_clips(size: str, hidden: int = 0) -> tuple[Student, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal((n, 81)).astype(np.float16) for n in (1, 23, 9)]
    layout = layout_of(size, VAD_DIMS, hidden)
    student = Student(layout, first_step(clips, layout.bands), seed=1)
    with torch.no_grad():
        for name, each in student.named_parameters():  # biases and Gram matrices begin at 0
            if name.endswith(("bias", "gram")):
                each.copy_(torch.from_numpy(0.1 * rng.standard_normal(each.shape)))
    return student, clips


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("hidden", [0, 5])
@torch.no_grad()
def test_torch_and_numpy_say_the_same_whatever_pads_a_clip(size, hidden) -> None:
    student, clips = student_and_clips(size, hidden)
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = torch.full((3, 30, 81), 7.0)  # garbage behind each clip
    for row, clip in enumerate(clips):
        padded[row, : len(clip)] = torch.from_numpy(clip.astype(np.float32))
    together = student(padded, lengths)
    tensors = {name: each.numpy() for name, each in student.finished(np.zeros(3), np.ones(3)).items()}
    for row, clip in enumerate(clips):
        alone = run_student(student.layout, tensors, clip)
        n = len(clip)
        np.testing.assert_allclose(together.frames[row, :n], alone.frames, rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(together.frame_readout[row, :n], alone.frame_readout, rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(together.clip_readout[row], alone.clip_readout, rtol=1e-4, atol=2e-5)


def test_what_is_finished_has_the_teachers_unit() -> None:
    student, clips = student_and_clips("10k")
    plain, scaled = (
        {name: each.numpy() for name, each in student.finished(*unit).items()}
        for unit in ((np.zeros(3), np.ones(3)), (np.array([0.5, 1.0, -2.0]), np.array([0.1, 2.0, 3.0])))
    )
    one, two = (run_student(student.layout, each, clips[1]) for each in (plain, scaled))
    np.testing.assert_allclose(
        two.clip_readout, one.clip_readout * [0.1, 2.0, 3.0] + [0.5, 1.0, -2.0], rtol=1e-4, atol=1e-5
    )


def test_the_seed_decides_the_first_weights() -> None:
    (one, _), (two, _) = student_and_clips("10k"), student_and_clips("10k")
    for name, each in one.tensors().items():
        assert torch.equal(each, two.tensors()[name])
