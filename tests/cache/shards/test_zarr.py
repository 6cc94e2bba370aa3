"""The Zarr back end: what zarr itself would write, published whole or not at all."""

from __future__ import annotations

import asyncio
import os
import time

import numpy as np
import pytest
import zarr

from cache.shards.arrays import ShardArrays
from cache.shards.registry import get_store


def test_zarr_is_sharded_uncompressed_and_readable_with_zarr_alone(publish, shard, tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(5000, 1024)).astype(np.float16)
    big = ShardArrays({**shard.arrays, "frames/big": rows}, shard.attributes)
    final, _ = publish(get_store("zarr"), big, tmp_path)
    group = zarr.open_group(final, mode="r", zarr_format=3)
    np.testing.assert_array_equal(group["frames/big"][:], rows)
    assert group["frames/big"].chunks == (256, 1024)
    assert group["frames/big"].shards is not None
    assert np.isnan(group["frames/big"].fill_value)
    assert [type(codec).__name__ for codec in group["frames/big"].compressors] == ["Crc32cCodec"]
    assert group["frames/vad"].attrs["dims"] == ["arousal", "dominance", "valence"]
    text = group["clips/clip_id"]
    ids = text[:].reshape(-1).view(text.attrs["numpy_dtype"])
    assert [value.decode() for value in ids] == ["00001", "ä/β"]


def test_zarr_publishes_onto_an_empty_folder_and_stages_nothing_when_the_disk_is_full(
    publish, shard, tmp_path, monkeypatch
) -> None:
    store = get_store("zarr")
    (tmp_path / "shard.zarr").mkdir()
    publish(store, shard, tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        store.stage(tmp_path / "z.tmp", shard, b"{}")
    assert not (tmp_path / "z.tmp").exists()


def test_zarr_leaves_nothing_while_other_files_are_still_under_way(shard, tmp_path, monkeypatch) -> None:
    put = zarr.storage.LocalStore.set

    async def slow_but_for_one(self, key, value) -> None:
        if "offsets" in key:
            raise OSError(28, "No space left on device")
        await asyncio.sleep(0.1)
        await put(self, key, value)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", slow_but_for_one)
    with pytest.raises(OSError, match="space"):
        get_store("zarr").stage(tmp_path / "z.tmp", shard, b"{}")
    time.sleep(0.3)
    assert not (tmp_path / "z.tmp").exists()
