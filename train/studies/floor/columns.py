"""One vector a clip, for simple models: duration and loudness, and global means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from train.streams.stream_set import Source

FloatArray = npt.NDArray[np.floating]


def duration_and_loudness(reader: Source, ids: Sequence[str]) -> FloatArray:
    """Return (clips, 3): seconds, their logarithm, and the level [dB]."""
    seconds = reader.clip_table("clips/duration", ids).astype(np.float64)
    loudness = reader.clip_table("clips/rms_db", ids).astype(np.float64)
    return np.stack([seconds, np.log(seconds), loudness], axis=1)


def means(reader: CacheReader, ids: Sequence[str], fields: Sequence[str]) -> FloatArray:
    """Return (clips, width): the global means of some fields, joined."""
    tables = [reader.clip_table(f"global_mean/{field}", ids) for field in fields]
    return np.concatenate(tables, axis=1).astype(np.float64)
