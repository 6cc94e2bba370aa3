"""One vector a clip, for simple models: duration and loudness, means, and statistics of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch

from cache import CacheReader
from cache.common.cores import available_cores
from cache.common.progress import OnProgress
from train.features.batches import BatchFeed, Features
from train.features.order import scoring_batches

FloatArray = npt.NDArray[np.floating]
BATCH = 32  # clips at once
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
STATISTICS = 4 + len(QUANTILES)  # of each channel


def duration_and_loudness(reader: CacheReader, ids: Sequence[str]) -> FloatArray:
    """Return (clips, 3): seconds, their logarithm, and the level [dB]."""
    seconds = reader.clip_table("clips/duration", ids).astype(np.float64)
    loudness = reader.clip_table("clips/rms_db", ids).astype(np.float64)
    return np.stack([seconds, np.log(seconds), loudness], axis=1)


def means(reader: CacheReader, ids: Sequence[str], fields: Sequence[str]) -> FloatArray:
    """Return (clips, width): the global means of some fields, joined."""
    tables = [reader.clip_table(f"global_mean/{field}", ids) for field in fields]
    return np.concatenate(tables, axis=1).astype(np.float64)


def statistics(features: Features, on_progress: OnProgress) -> FloatArray:
    """Return (clips, ``STATISTICS`` · width) float32 of the frames of some clips.

    Of each channel: mean, standard deviation, five quantiles, and of its steps from frame to frame the mean
    size and the standard deviation.

    Args:
        features: with frames.
        on_progress: called with the clips done, and all.
    """
    found = np.empty((len(features.clip_ids), STATISTICS * features.width), np.float32)
    batches, done = scoring_batches(features.lengths, BATCH), 0
    with ThreadPoolExecutor(available_cores()) as pool:  # sorting is most of it, and needs no lock
        for positions, batch in BatchFeed(features, torch.device("cpu"))(batches):
            assert batch.frames is not None  # noqa: S101 - they were asked for
            frames = batch.frames.numpy()
            clips = [frames[row, :length] for row, length in enumerate(batch.lengths.tolist())]
            found[positions] = list(pool.map(of_frames, clips))
            done += len(positions)
            on_progress(done, len(found))
    return found


def of_frames(frames: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
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
