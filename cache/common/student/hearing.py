"""What a student hears: 80 log-mel bands and the energy of 25 ms every 20 ms, in numpy alone.

Loudness is kept, since it carries much of an emotion; a constant shift and scale, the same for every clip, brings
the values to the size that a head's other inputs have. Extraction caches these frames as ``--model logmel``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # Hz, of everything that encoders see
BANDS = 80
WINDOW, HOP, FFT = 400, 320, 1024  # samples: 25 ms every 20 ms, the frames of wav2vec 2.0
LOWEST, HIGHEST = 20.0, 8_000.0  # Hz
FLOOR = 1e-10  # of power; -100 dB re full scale
CENTRE, SCALE = -50.0, 5.0  # dB, and natural logarithms a unit: the floor is -2.3, full scale 2.3
SHIFT = float(np.float32(CENTRE / 10 * np.log(10)))  # natural logarithm of the centre's power
BLOCK = 3_000  # frames computed at once
SETTINGS = {
    "bands": BANDS, "window": WINDOW, "hop": HOP, "fft": FFT, "lowest": LOWEST, "highest": HIGHEST,
    "floor": FLOOR, "taper": "hann", "scale": "mel (HTK), natural logarithm of power", "energy": "mean square",
    "centre": CENTRE, "unit": SCALE,
}  # fmt: skip


def num_frames(num_samples: int) -> int:
    """Return the frames of ``num_samples`` samples; 0 when they are too few."""
    return max(0, (num_samples - WINDOW) // HOP + 1)


def taper() -> NDArray[np.float32]:
    """Return what a window of samples is multiplied by."""
    return np.hanning(WINDOW + 1)[:WINDOW].astype(np.float32)


class Hearing:
    """Turns sound into log-mel frames.

    Triangles are equally wide on the mel scale; a sine of full scale gives 1 to 4. Each bin lies on the falling
    slope of one band and the rising one of the next, so the sums run over stretches of bins. A matrix product
    would do the same, in an order that depends on how many threads it has.
    """

    def __init__(self) -> None:
        frequencies = np.arange(FFT // 2 + 1) * RATE / FFT
        lowest, highest = _mel(np.array([LOWEST, HIGHEST]))
        position = (_mel(frequencies) - lowest) / (highest - lowest) * (BANDS + 1)
        self._bins = np.flatnonzero((position >= 0) & (position < BANDS + 1))
        position = position[self._bins]
        self._starts = np.searchsorted(position, np.arange(BANDS + 1))
        scale = 4.0 / (WINDOW / 2) ** 2
        self._rising = (scale * (position % 1.0)).astype(np.float32)
        self._falling = (scale * (1.0 - position % 1.0)).astype(np.float32)
        self._taper = taper()

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (frames, 81) float32 of samples at 16 kHz: the bands from low to high, then the energy."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
        values = np.empty((len(frames), BANDS + 1), np.float32)
        for start in range(0, len(frames), BLOCK):
            block = frames[start : start + BLOCK]
            spectrum = np.fft.rfft(block * self._taper, FFT).astype(np.complex64)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            values[start : start + BLOCK, :BANDS] = self.bands(power)
            values[start : start + BLOCK, BANDS] = np.mean(np.square(block), axis=1)
        np.log(np.maximum(values, FLOOR, out=values), out=values)
        values -= np.float32(SHIFT)
        values /= np.float32(SCALE)
        return values

    def bands(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (frames, bands) of a power spectrum (frames, bins)."""
        used = power[:, self._bins]
        rising = np.add.reduceat(used * self._rising, self._starts, axis=1)
        falling = np.add.reduceat(used * self._falling, self._starts, axis=1)
        summed: NDArray[np.float32] = rising[:, :-1] + falling[:, 1:]
        return summed


def _mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 2595.0 * np.log10(1.0 + frequency / 700.0)
    return mel
