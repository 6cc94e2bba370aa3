"""How a shard gets its name: written aside, and never over what stands there, unless that is damaged."""

from __future__ import annotations

from pathlib import Path

from cache.commit import remote_leases
from cache.commit.orphan import Published, identity, read_orphan
from cache.commit.upload import publish_by_url
from cache.common import durable
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format.aside import set_aside
from cache.format.record import ShardContent
from cache.shards.arrays import ShardArrays
from cache.shards.store import ShardStore


def publish(
    cache: Path, store: ShardStore, final: Path, shard: ShardArrays, content: ShardContent
) -> Published | None:
    """Give a shard its name; when that is taken, take what is there, if it is sound, as the shard.

    None when neither went: stopped for longer than its lease, this writer was taken for dead and its file
    cleaned away, or what stood there is damaged, and set aside.
    """
    if isinstance(final, UrlPath):
        return publish_by_url(store, final, shard, content)
    tmp = durable.tmp_path(final)
    try:
        stored = store.stage(tmp, shard, content.to_bytes(shard.datasets))
        published = Published(stored, content, identity(tmp))
        return published if store.publish(tmp, final) else read_orphan(store, final, content)
    except FileNotFoundError:
        return None
    except DamagedCacheError:
        _clear(cache, store, final, content)
        return None


def _clear(cache: Path, store: ShardStore, final: Path, content: ShardContent) -> None:
    """Set a damaged file aside that stands in a shard's place, unless it was recorded or replaced by now."""
    with remote_leases.turn(final.parent):
        if final.with_suffix(".json").exists():
            return
        try:
            read_orphan(store, final, content)
        except FileNotFoundError:
            return
        except DamagedCacheError:
            if identity(final):
                set_aside(cache, final)  # it never was part of the cache
