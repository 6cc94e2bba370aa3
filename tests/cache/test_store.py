"""The conformance suite every back end passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from cache import ClipFeatures, FrameField
from cache.errors import CacheError, DamagedCacheError
from cache.features import crc32c, shard_arrays
from cache.store import CONTENT, ShardStore, get_store


@pytest.fixture(params=["hdf5"])
def store(request: pytest.FixtureRequest) -> ShardStore:
    return get_store(request.param)


@pytest.fixture
def shard(make_clip: Callable[..., ClipFeatures], fields: tuple[FrameField, ...]):
    return shard_arrays([make_clip("00001", 5), make_clip("ä/β", 9)], fields)


def publish(store: ShardStore, shard, folder: Path, name: str = "shard"):
    final = folder / (name + store.suffix)
    stored = store.stage(folder / "x.tmp", shard, b'{"a": 1}')
    assert store.publish(folder / "x.tmp", final)
    return final, stored


def test_what_is_read_is_what_was_written_bit_by_bit(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    opened = store.open(final, stored.datasets)
    for name, array in shard.arrays.items():
        read = opened.read(name, 0, len(array))
        assert read.dtype == array.dtype
        assert read.tobytes() == array.tobytes()
        assert stored.datasets[name].crc32c == crc32c(array)
    content = opened.read(CONTENT, 0, stored.datasets[CONTENT].shape[0])
    assert json.loads(content.tobytes()) == {"a": 1}


def test_rows_are_read_into_a_reused_buffer(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    name = "frames/hidden_states/2"
    buffer = np.zeros((9, 8), np.float16)
    store.open(final, stored.datasets).read_into(name, 5, buffer)
    np.testing.assert_array_equal(buffer, shard.arrays[name][5:14])


def test_a_buffer_of_another_dtype_is_refused(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    with pytest.raises(ValueError, match="float32"):
        store.open(final, stored.datasets).read_into(
            "frames/hidden_states/2", 0, np.zeros((2, 8), np.float32)
        )


def test_describe_finds_what_stage_wrote(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    assert store.describe(final) == stored
    assert store.num_bytes(final) == stored.num_bytes


def test_publishing_never_overwrites(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    store.stage(tmp_path / "y.tmp", shard, b'{"a": 2}')
    assert not store.publish(tmp_path / "y.tmp", final)
    assert not (tmp_path / "y.tmp").exists()
    assert store.describe(final) == stored


def test_reading_past_the_end_is_an_error_not_zeros(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    opened = store.open(final, stored.datasets)
    with pytest.raises(CacheError):
        opened.read("frames/vad", 10_000, 10_001)


def test_a_file_that_is_no_shard_is_named(store, tmp_path) -> None:
    path = tmp_path / ("x" + store.suffix)
    path.write_bytes(b"not a shard")
    with pytest.raises(DamagedCacheError, match="x"):
        store.describe(path)


def test_unknown_back_end_lists_those_there_are() -> None:
    with pytest.raises(CacheError, match="hdf5"):
        get_store("parquet")


def test_hdf5_is_flat_contiguous_unfiltered_and_readable_with_h5py_alone(shard, tmp_path) -> None:
    final, _ = publish(get_store("hdf5"), shard, tmp_path)
    with h5py.File(final) as file:
        assert file["clips/clip_id"].asstr()[:].tolist() == ["00001", "ä/β"]
        frames = file["frames/hidden_states/2"]
        assert frames.chunks is None
        assert frames.compression is None
        assert frames.attrs["frame_shift"] == pytest.approx(0.02)
        assert frames.attrs["offsets"] == "offsets"
        assert file["frames/vad"].attrs["dims"].tolist() == ["arousal", "dominance", "valence"]
        assert file["offsets"][:].tolist() == [0, 5, 14]


@pytest.mark.parametrize("kind", ["chunked", "object", "link"])
def test_hdf5_with_anything_but_plain_contiguous_arrays_is_refused(kind, tmp_path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        if kind == "chunked":
            file.create_dataset("a", data=np.zeros(10), chunks=(5,))
        elif kind == "object":
            file.create_dataset("a", data=["text", "of any length"])
        else:
            file["a"] = h5py.ExternalLink("/etc/passwd", "/a")
    with pytest.raises(DamagedCacheError):
        get_store("hdf5").describe(path)
