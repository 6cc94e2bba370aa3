"""int8 gives numbers back to half a step."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cache.shards.quantise import dequantise, quantise


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_int8_is_exact_to_half_a_step_and_never_clipped(frames, seed, size) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(frames, 7)) * size + rng.normal(size=7) * size).astype(np.float32)
    stored, scale, offset = quantise(values)
    assert (stored.dtype, scale.dtype, offset.dtype) == (np.int8, np.float16, np.float16)
    step = scale.astype(np.float32)
    assert (np.abs(dequantise(stored, scale, offset) - values) <= 0.51 * step + 1e-6 * np.abs(values)).all()
    assert stored.min() >= -127


def test_a_constant_channel_and_a_single_frame_survive_int8() -> None:
    values = np.array([[3.0, 0.0, -1000.25]], np.float32)
    np.testing.assert_allclose(dequantise(*quantise(values)), values, rtol=1e-3)
    same = np.full((9, 2), 0.1, np.float32)
    np.testing.assert_allclose(dequantise(*quantise(same)), same, rtol=1e-3)
