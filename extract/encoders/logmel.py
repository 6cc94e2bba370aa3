"""The encoder without weights: 80 log-mel bands and the energy, what every other one has to beat.

It needs numpy alone: no download, no torch. Loudness is kept, since it carries much of an emotion; a constant
shift and scale, the same for every clip, brings the values to the size that a head's other inputs have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.format.recipe import canonical_json
from cache.format.schema import SAMPLING_RATE, FrameField
from extract.encoders.base import Encoded, EncoderOptions, require_plain

BANDS = 80
WINDOW, HOP, FFT = 400, 320, 1024  # samples: 25 ms every 20 ms, the frames of wav2vec 2.0
LOWEST, HIGHEST = 20.0, 8_000.0  # Hz
FLOOR = 1e-10  # of power; -100 dB re full scale
CENTRE, SCALE = -50.0, 5.0  # dB, and natural logarithms a unit: the floor is -2.3, full scale 2.3
BLOCK = 3_000  # frames computed at once
SETTINGS = {
    "bands": BANDS, "window": WINDOW, "hop": HOP, "fft": FFT, "lowest": LOWEST, "highest": HIGHEST,
    "floor": FLOOR, "taper": "hann", "scale": "mel (HTK), natural logarithm of power", "energy": "mean square",
    "centre": CENTRE, "unit": SCALE,
}  # fmt: skip


def describe(options: EncoderOptions) -> LogMel:
    """Return the encoder; there is nothing to load.

    Raises:
        EncoderError: layers, a precision or a device that it does not have.
    """
    return LogMel(options)


class LogMel:
    """80 log-mel bands and the log energy of every frame; see ``extract.encoders.base``, loaded and unloaded."""

    libraries = ()
    precisions = ("float32",)

    def __init__(self, options: EncoderOptions) -> None:
        require_plain("logmel", options)
        self._devices = ["cpu" for _ in options.device.split(",")]
        digest = hashlib.sha256(canonical_json(SETTINGS).encode()).hexdigest()
        self.fields: tuple[FrameField, ...] = (FrameField("logmel", BANDS + 1, np.dtype(np.float16)),)
        self.recipe: dict[str, Any] = {
            "model": "logmel", "revision": "built in", "weights_sha256": "none", "config_sha256": digest,
            "layers": [], "vad": [], "normalisation": "none", "precision": "float32",
        }  # fmt: skip
        self.licence = "no weights; what is computed from a voice remains personal data"
        self.equal_lengths = False
        self.chunking = "none"
        self.batch_seconds = 0.0
        self.memory_seconds = float("inf")
        self._taper = np.hanning(WINDOW + 1)[:WINDOW].astype(np.float32)
        self._slopes = _Slopes()

    def devices(self) -> list[str]:
        """Return ``cpu`` for every worker asked for."""
        return self._devices

    def load(self, device: str | None = None) -> LogMel:  # noqa: ARG002 - there is but one
        """Return itself."""
        return self

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return max(0, (num_samples - WINDOW) // HOP + 1)

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Return (frames, 81) float32 of every clip: the bands from low to high, then the energy."""
        return [self._encode(clip) for clip in clips]

    def _encode(self, clip: NDArray[np.float32]) -> Encoded:
        frames = np.lib.stride_tricks.sliding_window_view(clip, WINDOW)[::HOP]
        values = np.empty((len(frames), BANDS + 1), np.float32)
        for start in range(0, len(frames), BLOCK):
            block = frames[start : start + BLOCK]
            spectrum = np.fft.rfft(block * self._taper, FFT).astype(np.complex64)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            values[start : start + BLOCK, :BANDS] = self._slopes.bands(power)
            values[start : start + BLOCK, BANDS] = np.mean(np.square(block), axis=1)
        np.log(np.maximum(values, FLOOR, out=values), out=values)
        values -= np.float32(CENTRE / 10 * np.log(10))
        values /= np.float32(SCALE)
        return Encoded({"logmel": values}, {"logmel": values.mean(axis=0)}, {})


class _Slopes:
    """Triangles equally wide on the mel scale; a sine of full scale gives 1 to 4.

    Each bin lies on the falling slope of one band and the rising one of the next, so the sums run over stretches
    of bins. A matrix product would do the same, in an order that depends on how many threads it has.
    """

    def __init__(self) -> None:
        frequencies = np.arange(FFT // 2 + 1) * SAMPLING_RATE / FFT
        lowest, highest = _mel(np.array([LOWEST, HIGHEST]))
        position = (_mel(frequencies) - lowest) / (highest - lowest) * (BANDS + 1)
        self._bins = np.flatnonzero((position >= 0) & (position < BANDS + 1))
        position = position[self._bins]
        self._starts = np.searchsorted(position, np.arange(BANDS + 1))
        scale = 4.0 / (WINDOW / 2) ** 2
        self._rising = (scale * (position % 1.0)).astype(np.float32)
        self._falling = (scale * (1.0 - position % 1.0)).astype(np.float32)

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
