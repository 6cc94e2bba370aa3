"""The voice of the demo's clips: a source-filter synthesis that six intensities steer.

Glottal pulses (pitch, jitter, spectral tilt) and breath pass through four formant resonators that move from
vowel to vowel, syllable by syllable, with pauses between phrases. Six intensities steer the voice. Three of
them only decide *when* something happens: pitch, brightness and formants each swing once up and down over the
clip, and the intensity shifts that swing in time. The values of a clip stay the same, their order changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, sosfilt

SAMPLING_RATE = 16_000
"""Hz."""
EMOTIONS = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")
"""The six intensities, in the corpus's order."""
PITCH_RANGE = (80.0, 300.0)
"""Hz."""

_HOP = 160  # samples from one control value to the next: 10 ms
_VOWELS = np.array(  # formants 1 to 4 of [a i u e o], Hz
    [
        [730, 1190, 2440, 3500],
        [290, 2250, 3010, 3600],
        [310, 870, 2240, 3400],
        [500, 1840, 2480, 3550],
        [550, 920, 2410, 3450],
    ],
    dtype=np.float64,
)
_BANDWIDTHS = np.array([70.0, 100.0, 150.0, 220.0])  # Hz
_LAUGHTER_RATE = 9.0  # Hz

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """What stays the same in a voice."""

    pitch: float
    """Resting pitch, Hz."""
    tract: float
    """Factor on all formants: above 1 for a short vocal tract."""
    tempo: float
    """Syllables per second."""
    breath: float
    """Level of the breath noise beside the pulses."""


@dataclass(frozen=True)
class _Syllables:
    """One row per syllable."""

    start: Samples  # seconds
    end: Samples  # seconds
    vowel: NDArray[np.int64]
    accent: Samples  # pitch accent, octaves at full pitch range
    stress: Samples  # loudness, linear


@dataclass(frozen=True)
class _Controls:
    """What moves in a voice, one value every 10 ms."""

    pitch: Samples  # Hz
    level: Samples  # linear
    brightness: Samples  # 0 (steep spectral tilt) to 1 (flat)
    breath: Samples  # linear
    formants: Samples  # (controls, 4), Hz


def synthesise(
    intensities: NDArray[np.float64], speaker: Speaker, duration: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Speak one clip of nonsense syllables.

    Args:
        intensities: (6,), each in [0, 1], in the order of `EMOTIONS`.
        speaker: who speaks.
        duration: seconds.
        rng: source of everything that is left to chance.

    Returns:
        (round(duration * 16000),) samples in [-0.5, 0.5], 16 kHz.
    """
    num_samples = round(duration * SAMPLING_RATE)
    syllables = _plan_syllables(intensities, speaker, duration, rng)
    controls = _steer(intensities, speaker, syllables, num_samples // _HOP + 2)
    source = _glottal_source(controls, num_samples, rng)
    sound = _resonate(source, controls.formants)
    sound += 1e-3 * np.std(sound) * rng.standard_normal(num_samples)  # the room: pauses are quiet, not zero
    return np.asarray(0.5 / np.abs(sound).max() * sound, dtype=np.float32)


def _plan_syllables(
    intensities: NDArray[np.float64], speaker: Speaker, duration: float, rng: np.random.Generator
) -> _Syllables:
    """Lay syllables out in phrases of three to seven, with a pause of 0.18 to 0.4 s after each phrase."""
    _, _, _, pain, excitement, _ = intensities
    tempo = speaker.tempo * (1 + 0.5 * excitement - 0.35 * pain)
    starts: list[float] = []
    ends: list[float] = []
    now = rng.uniform(0.05, 0.12)
    left = int(rng.integers(3, 8))
    while now < duration - 0.1:
        length = rng.uniform(0.8, 1.2) / tempo
        starts.append(now)
        ends.append(min(now + 0.85 * length, duration - 0.02))
        now += length
        left -= 1
        if left == 0:
            now += rng.uniform(0.18, 0.4)
            left = int(rng.integers(3, 8))
    count = len(starts)
    return _Syllables(
        start=np.array(starts),
        end=np.array(ends),
        vowel=rng.integers(0, len(_VOWELS), count),
        accent=rng.uniform(-1, 1, count),
        stress=rng.uniform(0.6, 1.0, count),
    )


def _swing(progress: Samples, intensity: float) -> Samples:
    """One cycle of a cosine over the clip, from -1 at both ends (intensity 0) to +1 at both ends (1).

    Mean and distribution over the clip do not depend on the intensity; the value at the end does.
    """
    return -np.cos(2 * np.pi * progress + np.pi * intensity)


def _steer(
    intensities: NDArray[np.float64], speaker: Speaker, syllables: _Syllables, num_controls: int
) -> _Controls:
    """Turn the intensities into contours."""
    admiration, amusement, determination, pain, excitement, joy = intensities
    time = np.arange(num_controls) * _HOP / SAMPLING_RATE
    progress = time / time[-1]
    middle = (syllables.start + syllables.end) / 2
    accent = np.interp(time, middle, syllables.accent)
    octaves = 0.4 * excitement + 0.32 * _swing(progress, admiration) + (0.06 + 0.15 * excitement) * accent
    laughter = amusement * (0.5 + 0.5 * np.cos(2 * np.pi * _LAUGHTER_RATE * time))
    vowels = _VOWELS[syllables.vowel]
    formants = np.stack([np.interp(time, middle, vowels[:, k]) for k in range(vowels.shape[1])], axis=1)
    formants[:, 0] *= 1 + 0.2 * excitement  # who is excited opens the jaw
    smile = speaker.tract * (1 + 0.22 * _swing(progress, joy))
    return _Controls(
        pitch=np.clip(speaker.pitch * 2**octaves, *PITCH_RANGE),
        level=_envelope(time, syllables) * (1 - 0.95 * laughter) * 1.4 ** _swing(progress, joy),
        brightness=0.5 + 0.45 * _swing(progress, determination),
        breath=speaker.breath * 4 ** _swing(progress, admiration) + 1.6 * pain,
        formants=formants * smile[:, None],
    )


def _envelope(time: Samples, syllables: _Syllables) -> Samples:
    """Rise and fall of every syllable, zero in the pauses."""
    which = np.maximum(np.searchsorted(syllables.start, time, side="right") - 1, 0)
    start, end = syllables.start[which], syllables.end[which]
    inside = np.clip((time - start) / np.maximum(end - start, 1e-3), 0, 1)
    return np.asarray(syllables.stress[which] * np.sqrt(np.sin(np.pi * inside).clip(0)))


def _glottal_source(controls: _Controls, num_samples: int, rng: np.random.Generator) -> Samples:
    """Pulses and breath at the glottis: the derivative of Rosenberg's pulse, tilted, plus noise."""
    pitch = _per_sample(controls.pitch * (1 + 0.012 * rng.standard_normal(len(controls.pitch))), num_samples)
    phase = np.cumsum(pitch / SAMPLING_RATE) % 1.0
    opening = np.sin(np.pi * phase / 0.4) * (phase < 0.4)
    closing = -2.5 * np.sin(np.pi * (phase - 0.4) / 0.32) * ((phase >= 0.4) & (phase < 0.56))
    bright = opening + closing
    dark = lfilter([0.2], [1, -0.94], bright)
    mix = _per_sample(controls.brightness, num_samples)
    voiced = mix * bright + (1 - mix) * dark
    noise = rng.standard_normal(num_samples) * (
        0.4 + 0.6 * (phase < 0.56)
    )  # air flows while the glottis is open
    breath = _per_sample(controls.breath, num_samples) * noise
    return np.asarray((voiced + breath) * _per_sample(controls.level, num_samples))


def _resonate(source: Samples, formants: Samples) -> Samples:
    """Pass the source through the formants, a cascade of two-pole filters that is set anew every 10 ms."""
    sections = _resonators(formants)
    state = np.zeros((formants.shape[1], 2))
    out = np.empty_like(source)
    for index, begin in enumerate(range(0, len(source), _HOP)):
        out[begin : begin + _HOP], state = sosfilt(sections[index], source[begin : begin + _HOP], zi=state)
    return out


def _resonators(formants: Samples) -> Samples:
    """Second-order sections with unit gain at 0 Hz.

    Args:
        formants: (controls, 4), Hz.

    Returns:
        (controls, 4, 6), as `scipy.signal.sosfilt` takes them.
    """
    radius = np.exp(-np.pi * _BANDWIDTHS / SAMPLING_RATE)
    sections = np.zeros((*formants.shape, 6))
    sections[..., 3] = 1
    sections[..., 4] = -2 * radius * np.cos(2 * np.pi * np.minimum(formants, 7000) / SAMPLING_RATE)
    sections[..., 5] = radius**2
    sections[..., 0] = sections[..., 3:].sum(axis=-1)
    return sections


def _per_sample(contour: Samples, num_samples: int) -> Samples:
    """Interpolate a contour of one value per 10 ms to (num_samples,)."""
    return np.interp(np.arange(num_samples), np.arange(len(contour)) * _HOP, contour)
