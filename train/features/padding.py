"""Padding of a batch: how long it is, and zeros behind each clip's frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

IntArray = npt.NDArray[np.int64]
FRAMES_STEP = 8  # batches are as long as a multiple of this: oneDNN compiles its LSTM anew for every length


def padded_length(lengths: IntArray) -> int:
    """Return the frames of a batch of clips of ``lengths`` (clips,) frames."""
    return -(-int(lengths.max()) // FRAMES_STEP) * FRAMES_STEP


def zero_padding(frames: Tensor, lengths: IntArray) -> None:
    """Set what lies behind each clip's frames to 0, in place.

    Args:
        frames: (clips, frames, width).
        lengths: (clips,) frames of each clip.
    """
    for row, length in enumerate(lengths.tolist()):
        if length < frames.shape[1]:
            frames[row, length:].zero_()
