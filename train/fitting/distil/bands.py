"""The fixed first step of a student: 80 log-mel bands averaged to fewer, each at mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cache.common.student.layout import CHANNELS_IN

Float32Array = npt.NDArray[np.float32]
SMALLEST = 1e-3  # deviation of a band, in the unit of log-mel frames (5 natural logarithms)


def first_step(frames: Sequence[npt.NDArray[np.float16]], bands: int) -> dict[str, Float32Array]:
    """Return ``input.weight`` (bands, 81, 1) and ``input.bias`` (bands, 1) for what is learned from.

    Args:
        frames: of the clips that a student hears, each (frames, 81).
        bands: that the frames are averaged to.
    """
    means = averages(bands)
    total, squares, count = np.zeros(bands), np.zeros(bands), 0
    for each in frames:
        values = each.astype(np.float64) @ means.T
        total, squares, count = total + values.sum(0), squares + np.square(values).sum(0), count + len(each)
    mean = total / count
    deviation = np.maximum(np.sqrt(np.maximum(squares / count - mean**2, 0)), SMALLEST)
    weight = (means / deviation[:, None]).astype(np.float32)[:, :, None]
    return {"input.weight": weight, "input.bias": (-mean / deviation).astype(np.float32)[:, None]}


def averages(bands: int) -> npt.NDArray[np.float64]:
    """Return (bands, 81): overlapping triangles over the 80 bands, each summing to 1; the energy is left out."""
    given = CHANNELS_IN - 1
    step = given / bands
    centres = (np.arange(bands) + 0.5) * step - 0.5
    found = np.zeros((bands, CHANNELS_IN))
    found[:, :given] = np.maximum(0, 1 - np.abs(np.arange(given) - centres[:, None]) / step)
    return np.asarray(found / found.sum(1, keepdims=True))
