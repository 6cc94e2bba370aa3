"""Back ends, a small shard, and how it gets its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cache import ClipFeatures, FrameField
from cache.shards.arrays import shard_arrays
from cache.shards.registry import STORES, get_store
from cache.shards.store import ShardStore, Stored


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> ShardStore:
    return get_store(request.param)


@pytest.fixture
def shard(make_clip: Callable[..., ClipFeatures], fields: tuple[FrameField, ...]):
    return shard_arrays([make_clip("00001", 5), make_clip("ä/β", 9)], fields)


@pytest.fixture(scope="session")
def publish() -> Callable[..., tuple[Path, Stored]]:
    """Stage a shard and publish it; return where it is, and what the store said of it."""

    def publish(store: ShardStore, shard, folder: Path, name: str = "shard"):
        final = folder / (name + store.suffix)
        stored = store.stage(folder / "x.tmp", shard, b'{"a": 1}')
        assert store.publish(folder / "x.tmp", final)
        return final, stored

    return publish
