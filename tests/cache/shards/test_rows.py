"""Rows of arrays read back, whatever their number; anything else is an error."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.errors import CacheError
from cache.shards.arrays import ShardArrays


def test_rows_are_read_into_a_reused_buffer(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    name = "frames/hidden_states/2"
    buffer = np.zeros((9, 8), np.float16)
    store.open(final, stored.datasets).read_into(name, 5, buffer)
    np.testing.assert_array_equal(buffer, shard.arrays[name][5:14])


def test_a_buffer_of_another_dtype_is_refused(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    with pytest.raises(ValueError, match="float32"):
        store.open(final, stored.datasets).read_into(
            "frames/hidden_states/2", 0, np.zeros((2, 8), np.float32)
        )


def test_reading_past_the_end_is_an_error_not_zeros(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    opened = store.open(final, stored.datasets)
    with pytest.raises(CacheError):
        opened.read("frames/vad", 10_000, 10_001)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 40_000])
def test_arrays_of_every_length_read_back_by_any_rows(publish, store, tmp_path, rows) -> None:
    frames = np.random.default_rng(rows).normal(size=(rows, 1024)).astype(np.float16)
    arrays = {"frames/h": frames, "frames/vad": frames[:, :3].astype(np.float32)}
    final, stored = publish(store, ShardArrays(arrays, {}), tmp_path)
    opened = store.open(final, stored.datasets)
    for name, array in arrays.items():
        for start, stop in ((0, rows), (rows // 3, rows // 2 + 1), (rows - 1, rows), (0, 1)):
            np.testing.assert_array_equal(opened.read(name, start, stop), array[start:stop])
