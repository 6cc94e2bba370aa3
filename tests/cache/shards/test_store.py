"""The conformance suite every back end passes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from cache import ClipFeatures, FrameField
from cache.common.errors import CacheError, DamagedCacheError
from cache.format.checksums import crc32c
from cache.shards.arrays import ShardArrays, shard_arrays
from cache.shards.registry import STORES, get_store
from cache.shards.store import CONTENT, ShardStore


@pytest.fixture(params=STORES)
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


def test_a_clip_of_text_bool_and_every_number_survives(store, tmp_path) -> None:
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


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 40_000])
def test_arrays_of_every_length_read_back_by_any_rows(store, tmp_path, rows) -> None:
    frames = np.random.default_rng(rows).normal(size=(rows, 1024)).astype(np.float16)
    arrays = {"frames/h": frames, "frames/vad": frames[:, :3].astype(np.float32)}
    final, stored = publish(store, ShardArrays(arrays, {}), tmp_path)
    opened = store.open(final, stored.datasets)
    for name, array in arrays.items():
        for start, stop in ((0, rows), (rows // 3, rows // 2 + 1), (rows - 1, rows), (0, 1)):
            np.testing.assert_array_equal(opened.read(name, start, stop), array[start:stop])


def test_the_whole_checksum_sees_every_byte_and_name(store, shard, tmp_path) -> None:
    final, stored = publish(store, shard, tmp_path)
    assert store.checksum(final) == stored.checksum
    some = final if final.is_file() else sorted(path for path in final.rglob("*") if path.is_file())[5]
    data = bytearray(some.read_bytes())
    data[len(data) // 2] ^= 1
    some.write_bytes(bytes(data))
    assert store.checksum(final) != stored.checksum


def test_a_link_in_place_of_a_shard_or_inside_it_is_refused(store, shard, tmp_path) -> None:
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


def test_zarr_is_sharded_uncompressed_and_readable_with_zarr_alone(shard, tmp_path) -> None:
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
    shard, tmp_path, monkeypatch
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


ZARR_HOSTILE = {
    "codec": lambda value: value["codecs"].insert(0, {"name": "gzip", "configuration": {"level": 1}}),
    "shape": lambda value: value.update(shape=[10**15, 3]),
    "chunks": lambda value: value["chunk_grid"]["configuration"].update(chunk_shape=[10**15, 1]),
    "no chunks": lambda value: value["chunk_grid"]["configuration"].update(chunk_shape=[0, 3]),
    "dtype": lambda value: value.update(data_type="object"),
    "grid": lambda value: value["chunk_grid"].update(name="rectangular"),
    "list": lambda value: value.update(codecs=[]),
}


@pytest.mark.parametrize("kind", ZARR_HOSTILE)
def test_zarr_metadata_of_any_other_layout_is_refused(shard, tmp_path, kind) -> None:
    store = get_store("zarr")
    final, stored = publish(store, shard, tmp_path)
    metadata = final / "frames" / "vad" / "zarr.json"
    value = json.loads(metadata.read_text())
    ZARR_HOSTILE[kind](value)
    metadata.write_text(json.dumps(value))
    with pytest.raises(DamagedCacheError):
        store.open(final, stored.datasets).read("frames/vad", 0, 1)
    with pytest.raises(DamagedCacheError):
        store.describe(final)


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


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float32),
        np.arange(7),
        np.arange(12) % 3 == 0,
        np.linspace(-1, 1, 40_000, dtype=np.float32).reshape(-1, 8),
        np.arange(1_100_000, dtype=np.int64),
        np.arange(9_000 * 1024, dtype=np.uint16).reshape(-1, 1024).view(np.float16),
        np.arange(256 * 1024, dtype=np.uint8).reshape(-1, 1024),
        np.arange(257 * 2048, dtype=np.int8).reshape(-1, 2048),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_zarr_files_are_those_that_zarr_itself_writes(array, tmp_path) -> None:
    content = b"{}"
    get_store("zarr").stage(tmp_path / "x.tmp", ShardArrays({"some/name": array}, {}), content)
    ours = zarr.open_group(tmp_path / "x.tmp", mode="r")
    their = zarr.create_group(tmp_path / "theirs", zarr_format=3)
    for name, values in (("some/name", array), (CONTENT, np.frombuffer(content, np.uint8))):
        stored = ours[name]
        assert stored.dtype == array.dtype or name == CONTENT
        copy = their.create_array(
            name,
            shape=stored.shape,
            dtype=stored.dtype,
            chunks=stored.chunks,
            shards=stored.shards,
            serializer=stored.serializer,
            compressors=stored.compressors,
            filters=None,
            fill_value=stored.fill_value,
            chunk_key_encoding=stored.metadata.chunk_key_encoding,
            config={"write_empty_chunks": True},
        )
        copy[...] = values
        np.testing.assert_array_equal(stored[...], values)

    def bytes_of(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    assert bytes_of(tmp_path / "x.tmp") == bytes_of(tmp_path / "theirs")
