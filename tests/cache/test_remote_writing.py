"""A cache behind a URL is written, by many at once, and is the one that a folder would hold."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from cache import (
    CacheReader,
    CacheWriter,
    CompactOptions,
    compact,
    convert,
    diff,
    merge,
    read_failures,
    verify,
)
from cache.commit.failures import LINES_BY_URL, Failure
from cache.common.errors import DuplicateClipError, RecipeMismatchError
from cache.common.storage.url_path import place
from cache.format import catalog
from cache.shards.registry import STORES


@pytest.mark.parametrize("store", STORES)
def test_what_is_written_is_what_a_folder_holds(make_cache, tmp_path, bucket, store) -> None:
    make_cache(tmp_path / "c", shards=1, store=store)
    make_cache(bucket / "cache", shards=1, store=store)
    assert diff(tmp_path / "c", bucket / "cache", exact=True) == []
    assert verify(bucket / "cache").findings == ()
    names = {entry.name for entry in (bucket / "cache").storage.list("")}
    top = {name.split("/")[0] for name in names}
    assert top == {"README.md", "cache.json", "shards", "writers"}


def test_another_recipe_or_a_clip_twice_is_refused(make_cache, bucket, recipe, fields, make_clip) -> None:
    make_cache(bucket / "cache")
    with pytest.raises(RecipeMismatchError):
        CacheWriter.open(bucket / "cache", recipe | {"weights_sha256": "c" * 64}, fields)
    with pytest.raises(DuplicateClipError):
        CacheWriter.open(bucket / "cache", recipe, fields).commit([make_clip("0/00000"), make_clip("x")])


@pytest.mark.parametrize("store", STORES)
def test_a_shard_that_a_killed_writer_left_without_a_record_is_taken_or_replaced(
    request, recipe, fields, make_clip, store
) -> None:
    one = store == "hdf5"  # Zarr's many objects are in memory, which answers as S3 does, and sooner
    url = (request.getfixturevalue("bucket") if one else place(f"memory://{uuid.uuid4().hex}")) / "cache"
    writer = CacheWriter.open(url, recipe, fields, store=store)
    [plan] = writer.plan({"a": 7, "b": 7})
    record = writer.commit([make_clip("a"), make_clip("b")], plan)
    url.storage.delete(f"shards/{record.name}.json")
    again = CacheWriter.open(url, recipe, fields)
    assert again.commit([make_clip("a"), make_clip("b")], plan).checksum == record.checksum
    url.storage.delete(f"shards/{record.name}.json")
    left = [entry.name for entry in url.storage.list(f"shards/{record.file}")]
    victim = sorted(left)[len(left) // 2]
    if len(left) > 1:
        url.storage.delete(sorted(left)[0])
    url.storage.replace_if_match(victim, None, b"damaged")
    assert CacheWriter.open(url, recipe, fields).commit([make_clip("a"), make_clip("b")], plan)
    assert verify(url).findings == ()
    assert sorted(CacheReader(url)) == ["a", "b"]


def test_twelve_writers_with_overlapping_sources_bring_every_clip_once(
    tmp_path, bucket, recipe, fields, make_clip
) -> None:
    url, ids = bucket / "cache", [f"{number:02}" for number in range(30)]
    sources = [ids[number % 4 * 5 : number % 4 * 5 + 15] for number in range(12)]

    def write(number: int) -> None:
        writer = CacheWriter.open(url, recipe, fields, shard_mb=7 * (8 * 2 + 3 * 4) * 3 / 1e6)
        mine = sources[number]
        shards = writer.plan({clip_id: 7 for clip_id in mine})
        random.Random(number).shuffle(shards)
        for plan in shards:
            lease = writer.lease(plan)
            if lease is not None and not writer.is_committed(plan):
                writer.commit([make_clip(clip_id) for clip_id in plan.planned], plan)
                lease.renew()
            if lease is not None:
                lease.release()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    for number in range(4):  # what was held by others when they ended
        write(number)
    CacheWriter.open(tmp_path / "c", recipe, fields).commit([make_clip(clip_id) for clip_id in ids])
    assert diff(tmp_path / "c", url, exact=True) == []
    records = catalog.read_records(url)
    assert sorted(clip_id for record in records for clip_id in record.clip_ids) == ids
    assert verify(url).findings == ()


def test_merge_convert_and_compact_read_and_write_urls(make_cache, tmp_path, bucket) -> None:
    make_cache(tmp_path / "a")
    make_cache(bucket / "b")
    assert convert(bucket / "b", bucket / "zarr", "zarr") == 6
    assert diff(tmp_path / "a", bucket / "zarr", exact=True) == []
    assert merge([tmp_path / "a", bucket / "zarr"], bucket / "joined").clips == 6
    assert diff(tmp_path / "a", bucket / "joined", exact=True) == []
    options = CompactOptions(pool=2, project=3)
    compact(tmp_path / "a", tmp_path / "small", options)
    made = compact(bucket / "b", bucket / "small", options)
    assert made.clips == 6
    assert diff(tmp_path / "small", bucket / "small", exact=True) == []
    assert convert(bucket / "small", tmp_path / "back", "hdf5") == 6
    assert diff(tmp_path / "small", tmp_path / "back", exact=True) == []
    assert verify(bucket / "small").findings == ()


def test_a_cache_begins_in_what_a_console_calls_a_folder(make_cache, bucket, s3_server) -> None:
    session = pytest.importorskip("botocore.session").get_session()
    url = f"http://127.0.0.1:{s3_server.port}"
    client = session.create_client("s3", endpoint_url=url, region_name="us-east-1")
    client.put_object(Bucket=bucket.bucket, Key="cache/", Body=b"")
    client.put_object(Bucket=bucket.bucket, Key="cache/shards/", Body=b"")
    make_cache(bucket / "cache")
    assert verify(bucket / "cache").findings == ()


def test_failed_clips_are_listed(bucket, recipe, fields) -> None:
    writer = CacheWriter.open(bucket / "cache", recipe, fields)
    for number in range(LINES_BY_URL + 5):
        writer.fail(Failure(f"{number:03}", "a.wav", "decode", "unreadable", "ä\u2028b"))
    found = read_failures(bucket / "cache", {"003"})
    assert len(found) == LINES_BY_URL + 4
    assert found[0].message == "ä\u2028b"
    assert len(list((bucket / "cache").storage.list("failures/"))) == 2
