"""The tone of the checks has its pitch, its length and its seed."""

from __future__ import annotations

import numpy as np
import pytest

from extract.preflight.tone import TONE, tone


@pytest.mark.parametrize("seed", [0, 3])
def test_a_tone_has_its_pitch(seed) -> None:
    sound = tone(1.0, seed)
    assert (sound.shape, sound.dtype) == ((16_000,), np.float32)
    assert np.abs(np.fft.rfft(sound)).argmax() == pytest.approx(TONE * (1 + 0.1 * seed), abs=1)
    np.testing.assert_array_equal(sound, tone(1.0, seed))
    assert not np.array_equal(sound, tone(1.0, seed + 1))
