"""Zarr metadata of any other layout than ours is refused before a byte of it is believed."""

from __future__ import annotations

import json

import pytest

from cache.common.errors import DamagedCacheError
from cache.shards.registry import get_store

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
def test_zarr_metadata_of_any_other_layout_is_refused(publish, shard, tmp_path, kind) -> None:
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
