"""Frames of a clip are checked when they are first read, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from cache.column import Column
from cache.common.errors import DamagedCacheError
from cache.format.checksums import crc32c
from cache.shards.arrays import shard_arrays
from cache.shards.registry import get_store


@pytest.fixture
def parts(tmp_path, recipe, fields, make_clip):
    """A shard's open file, its record and its arrays."""
    from cache import CacheWriter

    clips = [make_clip("a", 4), make_clip("b", 6)]
    record = CacheWriter.open(tmp_path / "c", recipe, fields).commit(clips)
    path = tmp_path / "c" / "shards" / record.file
    return get_store("hdf5").open(path, record.datasets), path, record, shard_arrays(clips, fields).arrays


def test_each_clip_is_found_by_its_row(parts, fields) -> None:
    file, path, record, arrays = parts
    column = Column(file, path, record, fields[1], arrays["clips/crc32c/vad"])
    assert (column.lengths, column.width, column.dtype) == ((4, 6), 3, np.float32)
    out = np.empty((6, 3), np.float32)
    column.read(1, out)
    np.testing.assert_array_equal(out, arrays["frames/vad"][4:])
    assert crc32c(out) == arrays["clips/crc32c/vad"][1]


def test_other_bytes_than_those_committed_are_refused_until_they_are_right(parts, fields) -> None:
    file, path, record, arrays = parts
    column = Column(file, path, record, fields[1], arrays["clips/crc32c/vad"] ^ np.uint32([1, 0]))
    for _ in range(2):
        with pytest.raises(DamagedCacheError, match="clip a, frames/vad: checksum does not match"):
            column.read(0, np.empty((4, 3), np.float32))
    column.read(1, np.empty((6, 3), np.float32))
