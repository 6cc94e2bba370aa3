"""The bytes of Zarr chunks are those that zarr-python writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from cache.shards.arrays import ShardArrays
from cache.shards.registry import get_store
from cache.shards.store import CONTENT


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
