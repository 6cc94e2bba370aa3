"""Mono sound at 16 kHz: rates, loudness, and what is too short or not a number."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from extract.audio.decode import decode
from extract.audio.samples import resampled, rms_db
from extract.errors import ClipError


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_every_rate_becomes_16_khz_with_the_right_pitch(clip, tmp_path, voice, write_media, rate) -> None:
    path = write_media(tmp_path / "x.wav", voice(1.0, rate), rate)
    samples = decode(clip(path), 12.0).samples
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * 16_000 / len(samples) == pytest.approx(150, abs=2)


def test_samples_at_16_khz_are_passed_on_untouched(clip, tmp_path, voice) -> None:
    sound = voice(1.0)
    soundfile.write(tmp_path / "x.wav", sound, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(decode(clip(tmp_path / "x.wav"), 12.0).samples, sound[:, 0])


def test_channels_are_averaged_or_chosen(clip, tmp_path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (8000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, 16_000, subtype="FLOAT")
    path = tmp_path / "x.wav"
    np.testing.assert_allclose(decode(clip(path), 12.0).samples, sound.mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(decode(clip(path, channel=1), 12.0).samples, sound[:, 1])
    with pytest.raises(ClipError, match="channel 2, the file has 2"):
        decode(clip(path, channel=2), 12.0)


def test_silence_is_cached_and_flagged(clip, tmp_path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(8000), 16_000)
    assert decode(clip(tmp_path / "x.wav"), 12.0).rms_db == -120.0


def test_400_samples_are_enough_and_300_are_not(clip, tmp_path, voice) -> None:
    soundfile.write(tmp_path / "a.wav", voice(1.0)[:400], 16_000)
    soundfile.write(tmp_path / "b.wav", voice(1.0)[:300], 16_000)
    assert len(decode(clip(tmp_path / "a.wav"), 12.0).samples) == 400
    with pytest.raises(ClipError, match="300 samples") as error:
        decode(clip(tmp_path / "b.wav"), 12.0)
    assert error.value.reason == "too_short"


def test_loudness_is_that_of_a_sine_and_has_a_floor() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000).astype(np.float32)
    assert rms_db(sine) == pytest.approx(-3.01, abs=0.01)
    assert rms_db(np.zeros(10, np.float32)) == rms_db(np.empty(0, np.float32)) == -120.0
    assert rms_db(np.full(10, 1e-9, np.float32)) == -120.0


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ClipError) as error:
        resampled(np.full(800, np.inf, np.float32), 16_000)
    assert error.value.reason == "non_finite"
