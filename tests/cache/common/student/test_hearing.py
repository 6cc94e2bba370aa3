"""What a student hears: the bits are those of every log-mel cache, whatever the block."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.student import hearing
from cache.common.student.hearing import FFT, RATE, Hearing, num_frames, taper
from cache.format.schema import SAMPLING_RATE


def test_it_hears_at_the_rate_of_the_cache() -> None:
    assert RATE == SAMPLING_RATE
    assert [num_frames(samples) for samples in (399, 400, 719, 720)] == [0, 1, 1, 2]


def test_blocks_leave_no_seam(monkeypatch) -> None:
    samples = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    whole = Hearing().frames(samples)
    monkeypatch.setattr(hearing, "BLOCK", 7)
    np.testing.assert_array_equal(Hearing().frames(samples), whole)


def test_bands_are_linear_in_power_and_no_bin_counts_twice() -> None:
    heard = Hearing()
    each = heard.bands(np.eye(FFT // 2 + 1, dtype=np.float32))
    power = np.random.default_rng(0).random((3, FFT // 2 + 1)).astype(np.float32)
    np.testing.assert_allclose(heard.bands(power), power @ each, rtol=1e-5)
    assert (np.count_nonzero(each, axis=1) <= 2).all()


def test_the_taper_is_hann() -> None:
    assert taper()[0] == 0
    assert taper().max() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(taper()[1:], taper()[:0:-1], atol=1e-6)
