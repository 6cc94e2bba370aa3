"""A tone in noise: the sound that decoders and encoders are checked with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cache.format.schema import SAMPLING_RATE

TONE = 220.0  # Hz

Samples = NDArray[np.float32]


def tone(seconds: float, seed: int = 0) -> Samples:
    """Return a tone in noise, (num_samples,) float32 at 16 kHz."""
    time_axis = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    noise = np.random.default_rng(seed).standard_normal(len(time_axis))
    sound = 0.2 * np.sin(2 * np.pi * TONE * (1 + 0.1 * seed) * time_axis) + 0.02 * noise
    return np.asarray(sound, dtype=np.float32)
