"""The conformance suite every back end passes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cache.common.errors import CacheError, DamagedCacheError
from cache.format.checksums import crc32c
from cache.shards.arrays import ShardArrays
from cache.shards.store import CONTENT


def test_what_is_read_is_what_was_written_bit_by_bit(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    opened = store.open(final, stored.datasets)
    for name, array in shard.arrays.items():
        read = opened.read(name, 0, len(array))
        assert read.dtype == array.dtype
        assert read.tobytes() == array.tobytes()
        assert stored.datasets[name].crc32c == crc32c(array)
    content = opened.read(CONTENT, 0, stored.datasets[CONTENT].shape[0])
    assert json.loads(content.tobytes()) == {"a": 1}


def test_describe_finds_what_stage_wrote(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    assert store.describe(final) == stored
    assert store.num_bytes(final) == stored.num_bytes


def test_publishing_never_overwrites(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    store.stage(tmp_path / "y.tmp", shard, b'{"a": 2}')
    assert not store.publish(tmp_path / "y.tmp", final)
    assert not (tmp_path / "y.tmp").exists()
    assert store.describe(final) == stored


def test_a_file_that_is_no_shard_is_named(store, tmp_path) -> None:
    path = tmp_path / ("x" + store.suffix)
    path.write_bytes(b"not a shard")
    with pytest.raises(DamagedCacheError, match="x"):
        store.describe(path)


def test_a_clip_of_text_bool_and_every_number_survives(publish, store, tmp_path) -> None:
    arrays = {
        "clips/text": np.array([b"a", b"\xc3\xa4\xc3\xb6"], "S5"),
        "clips/flag": np.array([True, False]),
        "clips/zeros": np.zeros(2, np.int64),
        "clips/big": np.array([2**63, 1], np.uint64),
        "scale/x": np.array([[1.5], [6e-8]], np.float16),
        "frames/x": np.array([[-127], [127], [0]], np.int8),
        "offsets": np.array([0, 1, 3]),
    }
    final, stored = publish(store, ShardArrays(arrays, {"frames/x": {"frame_shift": 0.1}}), tmp_path)
    assert store.describe(final) == stored
    opened = store.open(final, stored.datasets)
    for name, array in arrays.items():
        read = opened.read(name, 0, len(array))
        assert (read.dtype, read.tolist()) == (array.dtype, array.tolist())


def test_the_whole_checksum_sees_every_byte_and_name(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    assert store.checksum(final) == stored.checksum
    some = final if final.is_file() else sorted(path for path in final.rglob("*") if path.is_file())[5]
    data = bytearray(some.read_bytes())
    data[len(data) // 2] ^= 1
    some.write_bytes(bytes(data))
    assert store.checksum(final) != stored.checksum


def test_a_link_in_place_of_a_shard_or_inside_it_is_refused(publish, store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    if final.is_dir():
        inside = final / "frames" / "vad" / "c.0.0"
        inside.rename(tmp_path / "elsewhere")
        inside.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DamagedCacheError, match="links"):
            store.num_bytes(final)
        with pytest.raises(CacheError):
            store.open(final, stored.datasets).read("frames/vad", 0, 3)
    final.rename(tmp_path / "away")
    final.symlink_to(tmp_path / "away")
    with pytest.raises(DamagedCacheError, match="never a link"):
        store.num_bytes(final)
