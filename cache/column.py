"""One frame field of one shard: where each clip begins, and what its checksum is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cache.common.errors import DamagedCacheError
from cache.common.types import Array
from cache.format.checksums import crc32c
from cache.format.record import WAY_OUT, CommitRecord
from cache.format.schema import FRAMES, FrameField
from cache.shards.store import ShardFile


class Column:
    """Knows where each clip begins and what its checksum is; safe in threads and after fork.

    What a read needs is looked up once for all clips: at a hundred thousand reads a second every step counts.

    Attributes:
        dtype: as it is stored.
        width: of a frame.
        lengths: frames of each clip.
    """

    def __init__(
        self, file: ShardFile, path: Path, record: CommitRecord, field: FrameField, checksums: Array
    ) -> None:
        self.dtype, self.width, self.lengths = field.dtype, field.width, record.num_frames
        self._file, self._path, self._record, self._name = file, path, record, FRAMES + field.name
        self._starts = np.cumsum([0, *record.num_frames]).tolist()
        self._unchecked: dict[int, int] = dict(enumerate(checksums.tolist()))

    def read(self, row: int, out: Array) -> None:
        """Fill ``out``, C-contiguous (num_frames, width), with a clip; the first time check its checksum.

        Raises:
            DamagedCacheError: the bytes are not those that were committed.
        """
        self._file.read_into(self._name, self._starts[row], out)
        known = self._unchecked.get(row)
        if known is not None:
            if crc32c(out) != known:
                raise DamagedCacheError(
                    f"{self._path}: clip {self._record.clip_ids[row]}, {self._name}: checksum does not match; "
                    f"{WAY_OUT}"
                )
            self._unchecked.pop(row, None)
