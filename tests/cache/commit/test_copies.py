"""Copies of what lies behind a URL: fetched once, checked, shared, and fetched anew when they are damaged."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cache import CacheReader
from cache.commit import copies
from cache.common.errors import DamagedCacheError
from cache.common.storage.remote import RemoteStorage
from cache.shards import remote_files
from cache.shards.registry import STORES


@pytest.fixture
def cache(request, make_cache, tmp_path, bucket, upload):
    written = make_cache(tmp_path / "c", shards=2, store=getattr(request, "param", "hdf5"))
    copies.keep_copies(tmp_path / "local")
    yield upload(tmp_path / "c", bucket / "cache"), written, tmp_path / "local"
    copies.keep_copies(None)


def is_right(url, written) -> bool:
    with CacheReader(url) as reader:
        return all(
            np.array_equal(reader[clip_id].frames["vad"], clip.frames["vad"])
            for clip_id, clip in written.items()
        )


def asked_for(monkeypatch) -> list[str]:
    """Note the names of all objects below ``shards`` that are asked for from now on."""
    asked: list[str] = []
    for method in ("read", "read_range", "list", "size"):
        whole = getattr(RemoteStorage, method)

        def noting(self, name, *more, whole=whole):
            asked.append(f"{self._root}/{name}")
            return whole(self, name, *more)

        monkeypatch.setattr(RemoteStorage, method, noting)
    return asked


@pytest.mark.parametrize("cache", STORES, indirect=True)
def test_the_second_reading_asks_for_no_shard(cache, monkeypatch) -> None:
    url, written, local = cache
    assert is_right(url, written)
    remote_files.forget()
    asked = asked_for(monkeypatch)
    assert is_right(url, written)
    assert [name for name in asked if ".h5" in name or ".zarr" in name] == []
    assert [path for path in local.rglob("*.tmp")] == []


def test_a_damaged_copy_is_fetched_anew(cache) -> None:
    url, written, local = cache
    assert is_right(url, written)
    victim = max((path for path in local.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert is_right(url, written)
    assert victim.read_bytes() != data


def test_wrong_bytes_are_never_copied(cache) -> None:
    url, written, local = cache
    victim = max(
        url.storage.list("shards/"), key=lambda entry: (entry.name.endswith(("h5", "0.0")), entry.size)
    )
    data = bytearray(url.storage.read(victim.name).data)
    data[len(data) // 2] ^= 1
    url.storage.replace_if_match(victim.name, None, bytes(data))
    with pytest.raises(DamagedCacheError, match="does not match its record"):
        is_right(url, written)
    assert len([path for path in local.rglob("*") if path.suffix in {".h5", ".zarr"}]) <= 1


def test_many_readers_share_a_folder_and_a_kill_leaves_nothing(cache) -> None:
    url, written, local = cache
    child = os.fork()
    if not child:
        copies.PIECE = 64
        RemoteStorage.read_range = lambda *_: time.sleep(60)
        is_right(url, written)
        os._exit(1)
    end = time.monotonic() + 30
    while not list(local.rglob("*.tmp")) and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    copies._tidied.clear()
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda _: is_right(url, written), range(6)))
    assert list(local.rglob("*.tmp")) == []
