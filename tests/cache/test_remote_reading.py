"""A cache behind a URL is read, checked, compared and exported as one in a folder is."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cache import CacheError, CacheReader, diff, export, verify
from cache.common.errors import DamagedCacheError
from cache.common.storage.protocol import RemoteError
from cache.common.storage.remote import RemoteStorage
from cache.common.storage.url_path import place
from cache.shards import remote_files
from cache.shards.registry import STORES
from cache.tools.info import info


@pytest.fixture(autouse=True)
def nothing_kept():
    remote_files.forget()


@pytest.mark.parametrize("store", STORES)
def test_every_clip_reads_as_it_was_written(make_cache, tmp_path, bucket, upload, store) -> None:
    written = make_cache(tmp_path / "c", shards=3, store=store)
    url = upload(tmp_path / "c", bucket / "cache")
    with CacheReader(str(url)) as reader:
        assert reader.path == url
        assert set(reader) == set(written)
        for clip_id, clip in written.items():
            np.testing.assert_array_equal(reader[clip_id].frames["vad"], clip.frames["vad"])
        ids = list(written)[::-1]
        np.testing.assert_array_equal(
            reader.clip_table("global_mean/vad", ids), np.stack([written[i].global_mean["vad"] for i in ids])
        )
    assert diff(tmp_path / "c", url, exact=True) == []
    assert verify(url).findings == ()
    assert info(url) | {"path": ""} == info(tmp_path / "c") | {"path": ""}
    assert export(url, tmp_path / "out", parquet=False) == len(written)


@pytest.mark.parametrize("store", STORES)
def test_damage_is_found_and_refused(make_cache, tmp_path, bucket, upload, store) -> None:
    written = make_cache(tmp_path / "c", shards=2, store=store)
    url = upload(tmp_path / "c", bucket / "cache")
    names = sorted(entry.name for entry in url.storage.list("shards/"))
    victim = next(name for name in names if name.endswith((".h5", "vad/c.0.0")))
    data = bytearray(url.storage.read(victim).data)
    offset = CacheReader(url).records[0].datasets["frames/vad"].offset or 0
    data[offset + 5] ^= 1
    url.storage.replace_if_match(victim, None, bytes(data))
    assert verify(url).findings
    reader = CacheReader(url)
    with pytest.raises(DamagedCacheError):
        _ = [reader[clip_id] for clip_id in written]
    url.storage.delete(victim)
    remote_files.forget()
    reader = CacheReader(url)
    with pytest.raises(DamagedCacheError):
        _ = [reader[clip_id] for clip_id in written]


def test_a_network_that_fails_is_no_damage(make_cache, tmp_path, bucket, upload, monkeypatch) -> None:
    make_cache(tmp_path / "c")
    url = upload(tmp_path / "c", bucket / "cache")

    def fail(self, name, *_):
        raise RemoteError(self._root / name, "error sending request", "check the network")

    reader = CacheReader(url)
    monkeypatch.setattr(RemoteStorage, "read_range", fail)
    for ask in (lambda: reader[reader.clip_ids[0]], lambda: verify(url)):
        with pytest.raises(
            RemoteError, match=r"shards/[0-9a-f-]+\.h5: error sending request; check the network"
        ):
            ask()
    monkeypatch.setattr(RemoteStorage, "read", fail)
    with pytest.raises(RemoteError, match=r"cache\.json: error sending request"):
        CacheReader(url)


def test_a_place_without_a_cache_or_a_bucket_is_said_in_one_line(bucket) -> None:
    with pytest.raises(
        CacheError, match=r"s3://[^ ]+/none does not exist; emi-extract run SOURCE --out s3://"
    ):
        CacheReader(bucket / "none")
    with pytest.raises(RemoteError, match="no such bucket; make it first"):
        CacheReader(place("s3://no-bucket-of-this-name/cache"))


def test_commands_take_urls(make_cache, tmp_path, bucket, upload, cli_text) -> None:
    make_cache(tmp_path / "c")
    url = str(upload(tmp_path / "c", bucket / "cache"))
    assert json.loads(cli_text("info", url, "--json"))["path"] == url
    assert f"{url}: 6 clips" in cli_text("verify", url)
    assert "no difference" in cli_text("diff", str(tmp_path / "c"), url)
    assert "6 clips" in cli_text("export", url, str(tmp_path / "out"), "--no-parquet")


def test_threads_and_forks_read_what_was_written(make_cache, tmp_path, bucket, upload) -> None:
    written = make_cache(tmp_path / "c")
    reader = CacheReader(upload(tmp_path / "c", bucket / "cache"))

    def is_right(clip_id: str) -> bool:
        return np.array_equal(reader[clip_id].frames["vad"], written[clip_id].frames["vad"])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [*written] * 5))
    remote_files.forget()
    child = os.fork()
    if not child:
        try:
            reader.close()
            right = all(map(is_right, written)) and not (bucket / "cache" / "none").exists()
            place("s3://no-bucket-of-this-name/cache").storage.names("")
        except RemoteError as error:
            os._exit(0 if right and "no such bucket" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert all(map(is_right, written))
