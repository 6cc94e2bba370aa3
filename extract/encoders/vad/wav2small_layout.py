"""The shape of Wav2Small: its fields and frames, which are always the same; no torch."""

from __future__ import annotations

import hashlib

import numpy as np

from cache.format.recipe import canonical_json
from cache.format.schema import FRAME_SHIFT, SAMPLING_RATE, VAD_DIMS, FrameField

STRIDE = round(
    FRAME_SHIFT * SAMPLING_RATE
)  # samples from one frame to the next: five of the network's own steps
CHANNELS, MEL = 13, 13  # of the last convolution; its mel axis is half of 26 bands
SETTINGS = {"half_mel": MEL, "n_fft": 64, "n_time": 64, "hop": 32}
CHUNKING = "none: its convolutions are exact in pieces"
LICENCE = (
    "as the authors of the encoder's weights state it; audeering/wav2small is CC BY-NC-SA 4.0 "
    "(research only, share alike, name the authors)"
)


class Wav2SmallLayout:
    """Its shape, which is always the same.

    Attributes:
        order: where arousal, dominance and valence stand in the network's output.
    """

    fields = (
        FrameField("wav2small", CHANNELS * MEL, np.dtype(np.float16)),
        FrameField("vad", len(VAD_DIMS), np.dtype(np.float32), FRAME_SHIFT, VAD_DIMS),
    )

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order

    def num_frames(self, num_samples: int) -> int:
        """Return the whole 20 ms of ``num_samples`` samples."""
        return num_samples // STRIDE

    def config_sha256(self) -> str:
        """Return a hash of every setting that changes a value."""
        return hashlib.sha256(canonical_json([SETTINGS, list(self.order)]).encode()).hexdigest()
