"""The demo's media files last as long as their sound."""

from __future__ import annotations

import numpy as np
import pytest

from extract.demo.clip_plan import SUFFIXES
from extract.demo.media import write_sound
from extract.demo.voice import SAMPLING_RATE, Speaker, synthesise


@pytest.mark.parametrize("duration", [1.0, 3.37])
def test_media_last_as_long_as_they_were_asked_to(tmp_path, decoded_seconds, duration):
    sound = synthesise(np.zeros(6), Speaker(120.0, 1.0, 4.2, 0.06), duration, np.random.default_rng(0))
    assert len(sound) == round(duration * SAMPLING_RATE)
    for suffix in SUFFIXES:
        write_sound(tmp_path / f"clip{suffix}", suffix, sound)
        assert decoded_seconds(tmp_path / f"clip{suffix}") == pytest.approx(duration, abs=0.05)
