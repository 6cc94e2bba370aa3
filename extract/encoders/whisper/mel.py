"""The log-mel spectrogram that Whisper hears, with numpy alone (Radford et al., arXiv 2212.04356)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cache.format.schema import SAMPLING_RATE

FFT, HOP = 400, 160  # samples: 25 ms every 10 ms
FLOOR, DEPTH = (
    1e-10,
    8.0,
)  # of power; decades below the loudest value of a window, which anything softer is raised to
BREAK_HERTZ, BREAK_MEL = 1000.0, 15.0  # Slaney's scale: linear below, logarithmic above
LOG_STEP = np.log(6.4) / 27.0

Array = NDArray[np.float32]


def log_mel(samples: Array, bands: int) -> Array:
    """Return (bands, len(samples) // 160) float32 of samples at 16 kHz, about -1 to 2.

    The ends are mirrored, so that frame i lies around sample 160 i. What a value is depends on the loudest one,
    and so on everything in ``samples``.
    """
    padded = np.pad(samples.astype(np.float32, copy=False), FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(frames * _taper(), FFT)
    power = np.square(np.abs(spectrum.astype(np.complex64, copy=False)))
    mel = np.log10(np.maximum(power @ slaney_filters(FFT, bands), FLOOR)).T
    result: Array = np.ascontiguousarray((np.maximum(mel, mel.max() - DEPTH) + 4.0) / 4.0, dtype=np.float32)
    return result


@lru_cache(maxsize=1)
def _taper() -> Array:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=3)
def slaney_filters(fft: int, bands: int) -> Array:
    """Return (fft // 2 + 1, bands): triangles of equal area, equally wide on Slaney's mel scale from 0 to 8 kHz."""
    bins = np.linspace(0, SAMPLING_RATE / 2, fft // 2 + 1)
    edges = _hertz(np.linspace(0.0, _mel(SAMPLING_RATE / 2), bands + 2))
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    filters: Array = (np.clip(np.minimum(rising, falling), 0.0, None) * area).astype(np.float32)
    return filters


def _mel(hertz: float) -> float:
    linear = hertz * BREAK_MEL / BREAK_HERTZ
    return linear if hertz < BREAK_HERTZ else float(BREAK_MEL + np.log(hertz / BREAK_HERTZ) / LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * BREAK_HERTZ / BREAK_MEL
    return np.where(mel < BREAK_MEL, linear, BREAK_HERTZ * np.exp((mel - BREAK_MEL) * LOG_STEP))
