"""The voice voices: pitch, formants, pauses, and intensities that order it in time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks, welch

from extract.demo.voice import SAMPLING_RATE, Speaker, synthesise


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    speaker = Speaker(pitch=120.0, tract=1.0, tempo=4.2, breath=0.06)
    return synthesise(np.full(6, 0.3), speaker, 6.0, np.random.default_rng(0))


def voiced_frames(sound: np.ndarray) -> np.ndarray:
    """Windows of 40 ms that are within 15 dB of the loudest: (windows, 640)."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 640)[::320]
    rms = np.sqrt((windows**2).mean(axis=1))
    return windows[rms > 10 ** (-15 / 20) * rms.max()]


def test_pitch_is_that_of_a_voice(voice):
    frames = voiced_frames(voice)
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(frames, 2048, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, axis=1)
    shortest, longest = SAMPLING_RATE // 320, SAMPLING_RATE // 75
    lags = shortest + correlation[:, shortest:longest].argmax(axis=1)
    strength = correlation[np.arange(len(lags)), lags] / correlation[:, 0]
    pitch = SAMPLING_RATE / lags[strength > 0.5]
    assert len(pitch) > 0.5 * len(frames)
    assert np.mean((pitch >= 78) & (pitch <= 302)) > 0.95
    assert pitch.std() > 5  # it moves


def test_spectrum_has_formants():
    still = Speaker(pitch=100.0, tract=1.0, tempo=4.2, breath=0.3)
    sound = synthesise(np.zeros(6), still, 6.0, np.random.default_rng(0))
    frequency, power = welch(np.diff(sound), SAMPLING_RATE, nperseg=256)
    peaks, _ = find_peaks(10 * np.log10(power[frequency < 5000]), prominence=1.0)
    assert len(peaks) >= 2
    assert frequency[peaks[0]] < 1000


def test_voice_pauses(voice):
    level = np.sqrt((voice[: len(voice) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    quiet = "".join("q" if value < 0.02 * level.max() else "s" for value in level)
    assert "q" * 12 in quiet.strip("q")  # 120 ms between sounding parts


def test_order_in_time_follows_the_intensity():
    """Determination decides whether the voice ends bright or dark, not how bright it is on average."""
    endings = []
    for determination in (0.0, 1.0):
        intensities = np.array([0, 0, determination, 0, 0, 0], dtype=float)
        sound = synthesise(intensities, Speaker(120.0, 1.0, 4.2, 0.06), 6.0, np.random.default_rng(0))
        bright = [np.square(np.diff(part)).sum() / np.square(part).sum() for part in np.split(sound, 6)]
        endings.append(bright[-1] / np.mean(bright[2:4]))
    assert endings[1] > 2 * endings[0]
