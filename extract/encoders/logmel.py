"""The encoder without weights: 80 log-mel bands and the energy, what every other one has to beat.

It needs numpy alone: no download, no torch. The frames are those that a student hears.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.common.student.hearing import BANDS, SETTINGS, Hearing, num_frames
from cache.format.recipe import canonical_json
from cache.format.schema import FrameField
from extract.encoders.base import Encoded, EncoderOptions, require_plain


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
        self._hearing = Hearing()

    def devices(self) -> list[str]:
        """Return ``cpu`` for every worker asked for."""
        return self._devices

    def load(self, device: str | None = None) -> LogMel:  # noqa: ARG002 - there is but one
        """Return itself."""
        return self

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return num_frames(num_samples)

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Return (frames, 81) float32 of every clip: the bands from low to high, then the energy."""
        return [self._encode(clip) for clip in clips]

    def _encode(self, clip: NDArray[np.float32]) -> Encoded:
        values = self._hearing.frames(clip)
        return Encoded({"logmel": values}, {"logmel": values.mean(axis=0)}, {})
