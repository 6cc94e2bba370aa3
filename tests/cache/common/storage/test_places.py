"""The conformance suite of storages: a folder, objects in memory, S3, and what Google's store says of itself."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from cache.common.errors import EmiError
from cache.common.storage.places import storage_of
from cache.common.storage.url_path import place


@pytest.fixture(params=["local", "memory", "s3", "gs"])
def storage(request: pytest.FixtureRequest, tmp_path):
    if request.param == "local":
        return storage_of(tmp_path / "cache")
    if request.param == "memory":
        return storage_of(place(f"memory://{uuid.uuid4().hex}/cache"))
    if request.param == "gs":
        return storage_of(request.getfixturevalue("google") / "deep" / "cache")
    return storage_of(request.getfixturevalue("bucket") / "deep" / "cache")


def test_what_is_read_is_what_was_put(storage) -> None:
    tag = storage.put_if_absent("shards/a.json", b"one ", memoryview(b"two"))
    assert storage.read("shards/a.json") == (b"one two", tag)
    assert storage.size("shards/a.json")[:3] == ("shards/a.json", 7, tag)
    assert abs(storage.size("shards/a.json").modified_ns / 1e9 - time.time()) < 600
    assert storage.read_range("shards/a.json", 4, 7) == b"two"
    assert storage.read_range("shards/a.json", 2, 3) == b"e"
    assert storage.read_range("shards/a.json", 5, 9) == b"wo"
    assert storage.read_range("shards/a.json", 9, 12) == storage.read_range("shards/a.json", 3, 3) == b""


def test_a_taken_name_stays_as_it_was(storage) -> None:
    first = storage.put_if_absent("a", b"first")
    assert first is not None
    assert storage.put_if_absent("a", b"second") is None
    assert storage.read("a") == (b"first", first)


def test_of_many_that_create_at_once_one_wins(storage) -> None:
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda number: storage.put_if_absent("a", b"%d" % number), range(12)))
    [winner] = [number for number, tag in enumerate(won) if tag is not None]
    assert storage.read("a").data == b"%d" % winner


def test_of_many_that_replace_one_tag_at_once_one_wins(storage) -> None:
    tag = storage.put_if_absent("a", b"before")
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda number: storage.replace_if_match("a", tag, b"%d" % number), range(12)))
    [winner] = [number for number, new in enumerate(won) if new is not None]
    assert storage.read("a") == (b"%d" % winner, won[winner])


def test_what_is_gone_or_another_is_not_replaced(storage) -> None:
    tag = storage.put_if_absent("a", b"one")
    assert storage.replace_if_match("a", tag, b"two") is not None
    assert storage.replace_if_match("a", tag, b"three") is None
    storage.delete("a")
    assert storage.replace_if_match("a", tag, b"four") is None
    with pytest.raises(FileNotFoundError):
        storage.read("a")


def test_without_a_tag_whatever_is_there_is_replaced(storage) -> None:
    assert storage.replace_if_match("a", None, b"one") is not None
    assert storage.replace_if_match("a", None, b"two") is not None
    assert storage.read("a").data == b"two"


def test_what_is_not_there_is_not_found(storage) -> None:
    for ask in (storage.read, storage.size, lambda name: storage.read_range(name, 0, 1)):
        with pytest.raises(FileNotFoundError):
            ask("nothing/here")
    storage.delete("nothing/here")
    assert list(storage.list("nothing/")) == []


def test_a_list_has_what_begins_with_the_prefix(storage) -> None:
    names = [
        "shards/a.json",
        "shards/b.zarr/frames/vad/c.0.0",
        "shards/b.zarr/zarr.json",
        "other/x",
        "shards2/y",
    ]
    for name in names:
        storage.put_if_absent(name, name.encode())
    assert sorted(entry.name for entry in storage.list("shards/")) == names[:3]
    assert {entry.name: entry.size for entry in storage.list("shards/b")} == {n: len(n) for n in names[1:3]}
    assert sorted(entry.name for entry in storage.list("")) == sorted(names)
    assert all(entry.tag == storage.size(entry.name).tag for entry in storage.list(""))


def test_an_object_that_is_too_large_is_not_read(storage) -> None:
    storage.put_if_absent("a", bytes(1000))
    assert len(storage.read("a", 1000).data) == 1000
    with pytest.raises(EmiError, match="1000 bytes, expected at most 999"):
        storage.read("a", 999)
