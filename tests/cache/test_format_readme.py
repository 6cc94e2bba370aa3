"""A reader written from cache/README.md alone, without any module of cache, h5py or zarr, reads every bit."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cache import (
    CacheReader,
    CacheWriter,
    ClipFeatures,
    CompactOptions,
    FrameField,
    Projection,
    compact,
)

GOLDEN = Path(__file__).parent / "golden"

# --- the independent reader: nothing in it comes from the package ------------------------------------------


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def table_entry(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


TABLE = [table_entry(byte) for byte in range(256)]


def hdf5_rows(file: Path, about: dict, row_bytes: int, start: int, stop: int) -> bytes:
    with file.open("rb") as handle:
        handle.seek(about["offset"] + start * row_bytes)
        return handle.read((stop - start) * row_bytes)


def zarr_rows(folder: Path, row_bytes: int, start: int, stop: int) -> bytes:
    about = json.loads((folder / "zarr.json").read_bytes())
    file_rows, codec = about["chunk_grid"]["configuration"]["chunk_shape"][0], about["codecs"][0]
    sharded = codec["name"] == "sharding_indexed"
    chunk_rows = codec["configuration"]["chunk_shape"][0] if sharded else file_rows
    count, size = file_rows // chunk_rows, chunk_rows * row_bytes
    first, rows = start // file_rows, b""
    for number in range(first, -(-stop // file_rows)):
        data = (folder / f"c.{number}{'.0' * (len(about['shape']) - 1)}").read_bytes()
        index = [0, size + 4]
        if sharded:
            tail = data[-16 * count - 4 :]
            assert crc32c(tail[:-4]) == int.from_bytes(tail[-4:], "little")
            index = list(struct.unpack(f"<{2 * count}Q", tail[:-4]))
        for begin, length in zip(index[::2], index[1::2], strict=True):
            if begin == 2**64 - 1:  # beyond the array's end
                continue
            assert length == size + 4
            chunk, check = data[begin : begin + size], data[begin + size : begin + size + 4]
            assert crc32c(chunk) == int.from_bytes(check, "little")
            rows += chunk
    return rows[(start - first * file_rows) * row_bytes : (stop - first * file_rows) * row_bytes]


def checked(text: bytes) -> dict:
    document = json.loads(text)
    if "crc32c" in document:
        body, end = (text[: text.rindex(b'"crc32c": ')].rstrip(), text[text.rindex(b'"crc32c": ') :])
        assert body.endswith(b",")
        assert crc32c(body[:-1]) == int(end.split(b":")[1].strip(b" }\n"))
    return document


class PlainReader:
    """Clip id → its arrays, from the text of cache/README.md."""

    def __init__(self, cache: Path) -> None:
        self.shards = cache / "shards"
        about = checked((cache / "cache.json").read_bytes())
        assert (about["format"], about["format_version"]) == ("emi-fusion cache", 1)
        recipe = json.dumps(about["recipe"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(recipe.encode()).hexdigest() == about["recipe_id"]
        self.fields = about["fields"]
        records = [checked(path.read_bytes()) for path in sorted(self.shards.glob("*.json"))]
        newest: dict[str, int] = {}
        for record in records:
            assert (record["format_version"], record["recipe_id"]) == (1, about["recipe_id"])
            for clip_id in record["supersedes"]:
                newest[clip_id] = max(newest.get(clip_id, 0), record["generation"])
        self.places: dict[str, tuple[dict, int]] = {}
        for record in records:
            for row, clip_id in enumerate(record["clip_ids"]):
                if record["generation"] >= newest.get(clip_id, 0):
                    assert clip_id not in self.places, "one clip in two shards"
                    self.places[clip_id] = record, row

    def rows(self, record: dict, name: str, start: int, stop: int) -> np.ndarray:
        about, file = record["datasets"][name], self.shards / record["file"]
        dtype, shape = np.dtype(about["dtype"]), about["shape"][1:]
        row_bytes = math.prod(shape) * dtype.itemsize
        if record["store"] == "hdf5":
            assert file.stat().st_size == record["bytes"]
            data = hdf5_rows(file, about, row_bytes, start, stop)
        else:
            data = zarr_rows(file / name, row_bytes, start, stop)
        return np.frombuffer(data, dtype).reshape(stop - start, *shape)

    def __getitem__(self, clip_id: str) -> dict[str, np.ndarray]:
        record, row = self.places[clip_id]
        begin, end = self.rows(record, "offsets", row, row + 2).tolist()
        assert end - begin == record["num_frames"][row]
        arrays = {
            name: self.rows(record, name, row, row + 1)[0]
            for name in record["datasets"]
            if name.startswith(("global_mean/", "clips/", "scale/", "offset/"))
        }
        assert arrays["clips/clip_id"].decode("utf-8") == clip_id
        if "crc32c" in record["datasets"]:
            whole = b"".join(self.rows(record, name, row, row + 1).tobytes() for name in sorted(arrays))
            assert crc32c(whole) == self.rows(record, "crc32c", row, row + 1)[0]
        arrays.setdefault("clips/windowed", np.False_)
        for name, field in self.fields.items():
            stored = self.rows(record, f"frames/{name}", begin, end)
            assert stored.shape[1] == field["width"]
            assert stored.dtype.name == field["dtype"]
            assert crc32c(stored.tobytes()) == arrays[f"clips/crc32c/{name}"]
            if field["dtype"] == "int8":
                scale, offset = (arrays[f"{kind}/{name}"].astype("f4") for kind in ("scale", "offset"))
                stored = stored.astype("f4") * scale + offset
            arrays[f"frames/{name}"] = stored
        return arrays


def npz_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            assert data[:8] == b"\x93NUMPY\x01\x00"
            start = 10 + int.from_bytes(data[8:10], "little")
            header = ast.literal_eval(data[10:start].decode("latin-1"))
            assert header["fortran_order"] is False
            arrays[name.removesuffix(".npy")] = np.frombuffer(data[start:], header["descr"]).reshape(
                header["shape"]
            )
    return arrays


# --- the proof ----------------------------------------------------------------------------------------------


def assert_same_bits(path: Path) -> None:
    plain, ours = PlainReader(path), CacheReader(path)
    assert list(plain.places) == list(ours.clip_ids)
    for clip_id in ours.clip_ids:
        read, expected = plain[clip_id], ours[clip_id]
        for name, values in expected.frames.items():
            assert values.dtype == read[f"frames/{name}"].dtype
            assert values.tobytes() == read[f"frames/{name}"].tobytes()
        for name, values in expected.global_mean.items():
            assert values.tobytes() == read[f"global_mean/{name}"].tobytes()
        assert expected.clip.keys() == {
            name.removeprefix("clips/") for name in read if name.startswith("clips/") and "crc32c" not in name
        }
        for name, value in expected.clip.items():
            found = read[f"clips/{name}"]
            assert value == found.decode() if isinstance(value, str) else (value == found).all()


@pytest.fixture(params=["one chunk a file", "many chunks and files"])
def chunks(request, monkeypatch) -> None:
    """Zarr files of many chunks, as large caches have them, on a small one."""
    if request.param.startswith("many"):
        monkeypatch.setattr("cache.shards.zarr_encoding.CHUNK_BYTES", 64)
        monkeypatch.setattr("cache.shards.zarr_encoding.FILE_BYTES", 200)


def test_the_checksum_is_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("name", ["hdf5", "zarr", "compact"])
def test_the_golden_caches_of_version_1(name: str) -> None:
    assert_same_bits(GOLDEN / name)


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_a_cache_with_a_replaced_clip(make_cache, make_clip, recipe, fields, tmp_path, store: str) -> None:
    make_cache(tmp_path / "c", shards=3, clips=4, store=store)
    writer = CacheWriter.open(tmp_path / "c", recipe, fields)
    [plan] = writer.plan({"1/00002": 9}, replace={"1/00002"})
    assert writer.commit([make_clip("1/00002", 9)], plan)
    assert CacheReader(tmp_path / "c").num_frames("1/00002") == 9
    assert_same_bits(tmp_path / "c")


WIDE = 24  # channels: narrower fields are pooled only


def wide_cache(path: Path, store: str) -> None:
    writer = CacheWriter.open(path, {"model": "wide"}, [FrameField("hidden_states/2", WIDE)], store=store)
    rng = np.random.default_rng(0)
    for shard in range(2):
        frames = [rng.normal(size=(7 + row, WIDE)).astype(np.float32) for row in range(5)]
        writer.commit(
            [
                ClipFeatures(
                    f"{shard}/{row}",
                    {"hidden_states/2": x},
                    {"hidden_states/2": x.mean(0)},
                    99,
                    -9.0,
                    "0",
                    {},
                )
                for row, x in enumerate(frames)
            ]
        )


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("store", ["hdf5", "zarr"])
@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_a_compact_cache_and_its_projection(tmp_path, store: str, dtype: str) -> None:
    wide_cache(tmp_path / "full", store)
    compact(tmp_path / "full", tmp_path / "small", CompactOptions(pool=2, project=20, dtype=dtype))
    assert_same_bits(tmp_path / "small")
    arrays, projection = (
        npz_arrays(tmp_path / "small" / "projection.npz"),
        Projection.load(tmp_path / "small"),
    )
    assert arrays["pool"].tolist() == [2]
    assert tuple(text.decode() for text in arrays["fitted_on"].tolist()) == projection.fitted_on
    name = "hidden_states/2"
    mean, basis = arrays[f"mean/{name}"], arrays[f"basis/{name}"]
    assert mean.tobytes() == projection.axes[name].mean.tobytes()
    assert basis.tobytes() == projection.axes[name].basis.tobytes()
    digest = hashlib.sha256(json.dumps([2, [name]]).encode() + mean.tobytes() + basis.tobytes())
    recipe = json.loads((tmp_path / "small" / "cache.json").read_bytes())["recipe"]
    assert digest.hexdigest() == recipe["projection_sha256"]
    full, small = PlainReader(tmp_path / "full"), PlainReader(tmp_path / "small")
    for clip_id in full.places:  # mean over windows of 2, then (x - mean) · basis
        frames, clip = full[clip_id][f"frames/{name}"], small[clip_id]
        pooled = np.stack([frames[at : at + 2].mean(axis=0) for at in range(0, len(frames), 2)])
        error = np.abs(clip[f"frames/{name}"] - (pooled - mean) @ basis)
        assert (error <= (0.51 * clip[f"scale/{name}"].astype("f4") if dtype == "int8" else 2e-3)).all()
        projected_mean = (full[clip_id][f"global_mean/{name}"] - mean) @ basis
        assert np.allclose(clip[f"global_mean/{name}"], projected_mean, atol=1e-5)


def test_the_checksums_of_files_and_arrays(make_cache, tmp_path) -> None:
    for store in ("hdf5", "zarr"):
        make_cache(tmp_path / store, shards=1, store=store)
        [path] = (tmp_path / store / "shards").glob("*.json")
        record, plain = json.loads(path.read_bytes()), PlainReader(tmp_path / store)
        file = path.parent / record["file"]
        data = file.read_bytes() if store == "hdf5" else b"".join(zarr_bytes(file))
        assert crc32c(data) == record["checksum"]["value"]
        for name, about in record["datasets"].items():
            assert crc32c(plain.rows(record, name, 0, about["shape"][0]).tobytes()) == about["crc32c"]
        content = checked(
            plain.rows(record, "content", 0, record["datasets"]["content"]["shape"][0]).tobytes()
        )
        stated = content.pop("arrays")
        assert {**stated, "content": None}.keys() == record["datasets"].keys()
        for name, about in stated.items():
            assert about == {**record["datasets"][name], "offset": None}
        assert content.pop("crc32c")
        assert content.items() <= record.items()


def zarr_bytes(folder: Path) -> list[bytes]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name.encode() + b"\0" + (folder / name).read_bytes() for name in names]
