"""Clips → extract → cache without weights, the honest floor of every table: log-mel bands and energy.

It needs numpy alone: no download, no torch. Loudness is kept, since it carries much of an emotion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.recipe import canonical_json
from cache.schema import SAMPLING_RATE, FrameField
from extract.encoders.base import Encoded, EncoderOptions
from extract.errors import EncoderError

BANDS = 80
WINDOW, HOP, FFT = 400, 320, 1024  # samples: 25 ms every 20 ms, the frames of wav2vec 2.0
LOWEST, HIGHEST = 20.0, 8_000.0  # Hz
FLOOR = 1e-10  # of power; -100 dB re full scale
BLOCK = 3_000  # frames computed at once
SETTINGS = {
    "bands": BANDS, "window": WINDOW, "hop": HOP, "fft": FFT, "lowest": LOWEST, "highest": HIGHEST,
    "floor": FLOOR, "taper": "hann", "scale": "mel (HTK), natural logarithm of power", "energy": "mean square",
}  # fmt: skip


class LogMel:
    """80 log-mel bands and the log energy of every frame; see ``extract.encoders.base.Encoder``."""

    def __init__(self, options: EncoderOptions) -> None:
        if options.layers != "last" or options.precision not in {"auto", "float32"}:
            raise EncoderError("--model logmel has no --layers and computes in float32 only; leave both out")
        if any(name.strip() not in {"auto", "cpu"} for name in options.device.split(",")):
            raise EncoderError(f"--device {options.device}: --model logmel runs on the CPU")
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
        self._filters = _filters()

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
            values[start : start + BLOCK, :BANDS] = power @ self._filters
            values[start : start + BLOCK, BANDS] = np.mean(np.square(block), axis=1)
        np.log(np.maximum(values, FLOOR, out=values), out=values)
        return Encoded({"logmel": values}, {"logmel": values.mean(axis=0)}, {})


def _filters() -> NDArray[np.float32]:
    """Triangles that are equally wide on the mel scale, (bins, bands); a sine of full scale gives about 1."""
    frequencies = np.arange(FFT // 2 + 1) * SAMPLING_RATE / FFT
    edges = np.linspace(_mel(np.array(LOWEST)), _mel(np.array(HIGHEST)), BANDS + 2)
    position = (_mel(frequencies)[:, None] - edges[:-2]) / (edges[1] - edges[0])
    triangles = np.maximum(0.0, 1.0 - np.abs(position - 1.0))
    return np.asarray(triangles * (4.0 / (WINDOW / 2) ** 2), dtype=np.float32)


def _mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 2595.0 * np.log10(1.0 + frequency / 700.0)
    return mel
