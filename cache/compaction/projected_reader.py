"""A full cache seen as the compact one that a projection would make of it, projected as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.compaction.projection import Projection
from cache.format.schema import GLOBAL_MEAN
from cache.reader import CacheReader

Array = NDArray[Any]


class ProjectedReader(CacheReader):
    """Gives what the compact cache of a projection would give, before its rounding to int8.

    Args:
        path: of the full cache.
        projection: with which the compact one was made.
    """

    def __init__(self, path: Path, projection: Projection) -> None:
        super().__init__(path)
        self._projection = projection
        self._full = CacheReader(path)
        self.frame_fields = {
            name: replace(
                field,
                width=projection.axes[name].basis.shape[1] if name in projection.axes else field.width,
                dtype=np.dtype(np.float32),
                frame_shift=field.frame_shift * projection.pool,
            )
            for name, field in self._full.frame_fields.items()
        }

    def num_frames(self, clip_id: str) -> int:
        """Return the clip's number of windows."""
        return -(-self._full.num_frames(clip_id) // self._projection.pool)

    def read_into(self, clip_id: str, field: str, out: Array) -> None:
        """Fill ``out`` (windows, channels) float32."""
        out[:] = self._projection.frames(field, self._full.read_frames(clip_id, field))

    def close(self) -> None:
        """Let go of the open files."""
        self._full.close()
        super().close()

    def clip_table(self, name: str, clip_ids: Sequence[str] | None = None) -> Array:
        """Return one row per clip; global means are projected, and of no clip there is nothing to project."""
        table = super().clip_table(name, clip_ids)
        if name.startswith(GLOBAL_MEAN) and len(table):
            return self._projection.global_mean(name.removeprefix(GLOBAL_MEAN), table)
        return table
