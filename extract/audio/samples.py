"""Mono samples of any rate become samples at 16 kHz, with their loudness."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from cache.format.schema import SAMPLING_RATE, SILENCE_DB
from extract.errors import ClipError

Samples = NDArray[np.float32]

MIN_SAMPLES = 400  # one wav2vec 2.0 frame; fewer crash the convolutions
LEAST_SECONDS = MIN_SAMPLES / SAMPLING_RATE


def resampled(mono: Samples, rate: int) -> Samples:
    """Return samples at ``rate`` Hz at 16 kHz.

    Raises:
        ClipError: ``non_finite``, or ``too_short`` for a single frame.
    """
    if not np.isfinite(mono).all():
        raise ClipError("non_finite", "NaN or infinity in the audio")
    samples = mono if rate == SAMPLING_RATE else soxr.resample(mono, rate, SAMPLING_RATE)
    if len(samples) < MIN_SAMPLES:
        raise ClipError(
            "too_short", f"{len(samples)} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed"
        )
    return samples.astype(np.float32, copy=False)


def rms_db(samples: Samples) -> float:
    """Return the loudness re full scale [dB], not below ``SILENCE_DB``."""
    exact = samples.astype(np.float64)
    power = float(np.einsum("i,i->", exact, exact)) / max(1, len(exact))  # no BLAS: it may start threads
    return max(SILENCE_DB, 10 * float(np.log10(power))) if power else SILENCE_DB
