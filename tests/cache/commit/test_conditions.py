"""A store that does not honour conditions is found out, and has one writer at a time."""

from __future__ import annotations

import json
import time

import pytest

from cache import CacheReader, CacheWriter
from cache.commit.conditions import sole_writer, unmet
from cache.common.errors import StorageError
from cache.common.storage.local import LocalStorage
from cache.common.storage.places import storage_of
from cache.common.storage.url_path import place


@pytest.fixture
def unfit(bench, tmp_path):
    """A bucket of a server that takes a stale If-Match."""
    pytest.importorskip("localbucket", reason="needs localbucket: pip install 'emi-fusion[dev]'")
    stores = bench("object_stores")
    (tmp_path / "buckets" / "bucket").mkdir(parents=True)
    server = stores.on_disk(tmp_path / "buckets")
    with stores.lead_to(server.port):
        yield place("s3://bucket/cache")
    server.kill()


def test_fit_stores_honour_all_conditions(bucket, tmp_path) -> None:
    for where in (bucket, place("memory://conditions/cache")):
        assert unmet(storage_of(where)) == ()
        assert list(storage_of(where).list("")) == []
        assert sole_writer(where) is None
    assert unmet(storage_of(tmp_path)) == ()


def test_a_store_that_overwrites_is_found_out(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(LocalStorage, "put_if_absent", lambda s, n, *d: s.replace_if_match(n, None, *d))
    assert unmet(storage_of(tmp_path)) == ("If-None-Match: * overwrites an object that is there",)


def test_a_store_without_tags_is_found_out(bench, monkeypatch) -> None:
    with bench("odd_store").odd_store() as store, bench("object_stores").lead_to(store.port):
        store.odd = "no-tag"
        monkeypatch.setattr("cache.common.storage.remote.PAUSE", 0.01)
        assert unmet(place("s3://bucket/cache").storage) == ("an object has no tag (ETag)",)
        assert not store.objects


def test_a_store_that_takes_stale_tags_has_one_writer_at_a_time(
    unfit, recipe, fields, make_clip, monkeypatch
) -> None:
    assert unmet(unfit.storage) == ("If-Match takes a tag that an object no longer has",)
    CacheWriter.open(unfit, recipe, fields).commit([make_clip("a")])
    CacheWriter.open(unfit, recipe, fields).commit([make_clip("b")])
    assert (unfit / "leases" / "writer.lease").exists()
    elsewhere = {"owner": "x", "host": "elsewhere", "pid": 7, "until": time.time() + 500}
    (unfit / "leases").storage.replace_if_match("writer.lease", None, json.dumps(elsewhere).encode())
    with pytest.raises(
        StorageError, match=r"not fit for several .*\(If-Match takes .*, and process 7 on elsewhere is"
    ):
        CacheWriter.open(unfit, recipe, fields)
    (unfit / "leases").storage.delete("writer.lease")
    with monkeypatch.context() as patch:
        later = time.time() + 3600
        patch.setattr(time, "time", lambda: later)
        with pytest.raises(StorageError, match="its clock and this machine's are 60 minutes apart"):
            CacheWriter.open(unfit, recipe, fields)
    assert not [entry for entry in unfit.storage.list("") if "clock" in entry.name]
    CacheWriter.open(unfit, recipe, fields).commit([make_clip("c")])
    assert sorted(CacheReader(unfit)) == ["a", "b", "c"]
