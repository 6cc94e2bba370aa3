"""The student in numpy: torch's own convolutions and pools, blocks without a seam, the rounding of a cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from cache.common.student import arrays
from cache.common.student.arrays import BLOCK, ArrayOps, run_student

OPS = ArrayOps()


@pytest.mark.parametrize(("high", "wide", "bands"), [(3, 3, 5), (1, 5, 1), (1, 1, 4)])
def test_a_convolution_is_that_of_torch(high, wide, bands) -> None:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, 3, bands, BLOCK + 9)).astype(np.float32)
    weight, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((4, 3, high, wide), (4,)))
    expected = functional.conv2d(
        *(torch.from_numpy(each) for each in (image, weight, bias)), padding=(high // 2, wide // 2)
    )
    np.testing.assert_allclose(OPS.conv(image, weight, bias), expected, rtol=1e-4, atol=1e-4)


def test_pools_and_weights_are_those_of_torch() -> None:
    image = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype(np.float32)
    there = torch.from_numpy(image)
    np.testing.assert_array_equal(OPS.pool(image), functional.max_pool2d(there, (2, 1)))
    np.testing.assert_allclose(OPS.softmax(image), there.softmax(3), rtol=1e-5)
    np.testing.assert_array_equal(OPS.flat(image), there.flatten(1, 2).transpose(1, 2))


def test_blocks_leave_no_seam(drawn, monkeypatch) -> None:
    layout, tensors = drawn("72k")
    frames = np.random.default_rng(0).standard_normal((60, 81))
    whole = run_student(layout, tensors, frames)
    monkeypatch.setattr(arrays, "BLOCK", 7)
    for one, two in zip(run_student(layout, tensors, frames), whole, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_the_sound_and_the_cache_give_the_same_bits(drawn) -> None:
    layout, tensors = drawn("10k")
    frames = np.random.default_rng(0).standard_normal((9, 81)).astype(np.float32)
    for one, two in zip(
        run_student(layout, tensors, frames),
        run_student(layout, tensors, frames.astype(np.float16)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == np.float32
