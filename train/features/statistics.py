"""Statistics of a clip's frames, channel by channel: what they are like, and how they move."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch

from cache.common.cores import available_cores
from cache.common.progress import OnProgress
from train.features.frames import FrameStore
from train.features.order import scoring_batches

Float32Array = npt.NDArray[np.float32]
BATCH = 32  # clips at once
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
STATISTICS = 4 + len(QUANTILES)  # of each channel


def statistics(
    frames: FrameStore, lengths: npt.NDArray[np.int64], width: int, on_progress: OnProgress
) -> Float32Array:
    """Return (clips, ``STATISTICS`` · width) float32 of the frames of some clips.

    Of each channel: mean, standard deviation, five quantiles, and of its steps from frame to frame the mean
    size and the standard deviation.

    Args:
        frames: of the clips.
        lengths: (clips,) frames.
        width: channels of a frame.
        on_progress: called with the clips done, and all.
    """
    return for_each_clip(frames, lengths, (width, STATISTICS * width), of_frames, on_progress)


def for_each_clip(
    frames: FrameStore,
    lengths: npt.NDArray[np.int64],
    widths: tuple[int, int],
    of_clip: Callable[[npt.NDArray[np.generic]], Float32Array],
    on_progress: OnProgress,
) -> Float32Array:
    """Return (clips, values) float32: what ``of_clip`` makes of each clip's frames alone.

    Args:
        frames: of the clips.
        lengths: (clips,) frames.
        widths: channels of a frame, and values of a clip.
        of_clip: from frames (frames, channels) to (values,).
        on_progress: called with the clips done, and all.
    """
    found = np.empty((len(lengths), widths[1]), np.float32)
    done = 0
    with ThreadPoolExecutor(available_cores()) as pool:  # sorting is most of it, and needs no lock
        for positions in scoring_batches(lengths, BATCH):
            padded = torch.empty(len(positions), int(lengths[positions].max()), widths[0])
            frames.fill(positions, lengths[positions], padded)
            clips = [padded[row, : lengths[clip]].numpy() for row, clip in enumerate(positions)]
            found[positions] = list(pool.map(of_clip, clips))
            done += len(positions)
            on_progress(done, len(found))
    return found


def of_frames(frames: npt.NDArray[np.generic]) -> Float32Array:
    """Return the statistics (``STATISTICS`` · width,) of frames (frames, width)."""
    values = np.asarray(frames, dtype=np.float32)
    ordered = np.sort(values, axis=0)
    where = np.array(QUANTILES) * (len(values) - 1)
    below, above = np.floor(where).astype(int), np.ceil(where).astype(int)
    share = (where - below)[:, None].astype(np.float32)
    quantiles = ordered[below] * (1 - share) + ordered[above] * share
    steps = np.diff(values, axis=0) if len(values) > 1 else np.zeros_like(values)
    parts = [values.mean(0), values.std(0), *quantiles, np.abs(steps).mean(0), steps.std(0)]
    return np.concatenate(parts).astype(np.float32)
