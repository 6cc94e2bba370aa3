"""What is asked of a store is asked again where that helps, and a lost answer is no second writer."""

from __future__ import annotations

import time

import obstore
import pytest

from cache.common.storage import remote
from cache.common.storage.protocol import RemoteError
from cache.common.storage.remote import RemoteStorage
from cache.common.storage.url_path import place


def lost_answer(monkeypatch) -> None:
    """The first put is done, and its answer gets lost."""
    put, lost = obstore.put, []

    def losing(*given, **more):
        done = put(*given, **more)
        if not lost:
            lost.append(done)
            raise OSError("connection reset")
        return done

    monkeypatch.setattr(obstore, "put", losing)
    monkeypatch.setattr(remote, "PAUSE", 0.01)


def test_an_object_that_was_put_before_the_answer_got_lost_is_ours(bucket, monkeypatch) -> None:
    lost_answer(monkeypatch)
    tag = bucket.storage.put_if_absent("a", b"mine")
    assert tag == bucket.storage.size("a").tag
    assert bucket.storage.put_if_absent("a", b"yours") is None


def test_an_object_that_was_replaced_before_the_answer_got_lost_is_ours(bucket, monkeypatch) -> None:
    tag = bucket.storage.put_if_absent("a", b"before")
    lost_answer(monkeypatch)
    assert bucket.storage.replace_if_match("a", tag, b"mine") == bucket.storage.size("a").tag


def test_what_cannot_succeed_is_asked_once(bucket, monkeypatch) -> None:
    asked = []

    def refuse(*given, **more):
        asked.append(given)
        raise obstore.exceptions.GenericError(
            "Server returned non-2xx status code: 400 Bad Request: <?xml secret"
        )

    monkeypatch.setattr(obstore, "get", refuse)
    with pytest.raises(RemoteError, match=r"a: Server returned non-2xx status code: 400 Bad Request; check"):
        bucket.storage.read("a")
    assert len(asked) == 1


RANGE = bytes(range(250))


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("whole", "non-partial response"),
        ("short", "the answer was cut short"),
        ("long", "the answer was cut short"),
        ("shifted", "Requested 10..20, got 11..21"),
    ],
)
def test_a_range_of_other_bytes_than_were_asked_for_is_never_taken(odd_store, scheme, odd, said) -> None:
    storage = place(f"{scheme}://bucket/c").storage
    storage.put_if_absent("a", RANGE)
    assert storage.read_range("a", 10, 20) == RANGE[10:20]
    odd_store.odd = odd
    with pytest.raises(RemoteError, match=said) as error:
        storage.read_range("a", 10, 20)
    assert error.value.retry


@pytest.mark.parametrize("size", [10, remote.SAME_BYTES + 1])
def test_a_put_that_is_answered_without_a_tag_was_done_once(odd_store, size) -> None:
    storage = place("s3://bucket/c").storage
    odd_store.odd = "no-put-tag"
    tag = storage.put_if_absent("a", bytes(size))
    assert tag == storage.size("a").tag != ""
    assert [method for method, _ in odd_store.requests].count("PUT") == 1
    assert storage.replace_if_match("a", tag, b"new") == storage.size("a").tag
    assert storage.replace_if_match("a", tag, b"newer") is None


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_lists_come_in_any_order_and_in_pages_of_one(odd_store, scheme) -> None:
    storage = place(f"{scheme}://bucket/c").storage
    for name in ("b", "shards/1", "shards/2.zarr/x", "shards/2.zarr/y", "shards/3"):
        storage.put_if_absent(name, b"x")
    odd_store.odd, odd_store.page = "unordered", 1
    assert len(list(storage.list(""))) == 5
    assert storage.names("shards") == ["1", "2.zarr", "3"]
    assert sorted(entry.name for entry in storage.entries("shards")) == ["1", "3"]


def test_a_panic_of_the_library_is_one_line(bucket, monkeypatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*given, **more):
        raise PanicException("range start must not be greater than end")

    monkeypatch.setattr(obstore, "get", panic)
    with pytest.raises(RemoteError, match=r"/a: the library gave up \(range start .*\); check the network"):
        bucket.storage.read("a")


def test_azures_lists_leave_out_quotation_marks(monkeypatch) -> None:
    store = obstore.store.MemoryStore()
    storage = RemoteStorage(place("az://box/c"), store)  # type: ignore[arg-type]
    tag = storage.put_if_absent("a", b"x")
    pages = [[{**meta, "e_tag": meta["e_tag"].strip('"')} for meta in page] for page in obstore.list(store)]
    monkeypatch.setattr(obstore, "list", lambda *_: pages)
    assert [entry.tag for entry in storage.list("")] == [tag]
    assert storage.replace_if_match("a", tag, b"y") is not None


def test_names_are_those_of_one_folder(bucket) -> None:
    for name in ("cache.json", "shards/a.json", "shards/b.zarr/zarr.json"):
        (bucket / "c").storage.put_if_absent(name, b"x")
    assert (bucket / "c").storage.names("") == ["cache.json", "shards"]
    assert (bucket / "c").storage.names("shards") == ["a.json", "b.zarr"]
    assert bucket.storage.names("") == ["c"]
    (bucket / "c" / "shards").storage.delete_all()
    assert [entry.name for entry in bucket.storage.list("")] == ["c/cache.json"]


def test_what_a_console_makes_for_a_folder_is_none_of_its_objects(bucket, client) -> None:
    for key in ("cache/", "cache/shards/"):
        client.put_object(Bucket=bucket.bucket, Key=key, Body=b"")
    (bucket / "cache").storage.put_if_absent("shards/a.json", b"x")
    assert (bucket / "cache").storage.names("") == ["shards"]
    assert (bucket / "cache").storage.names("shards") == ["a.json"]
    assert [entry.name for entry in (bucket / "cache").storage.entries("shards")] == ["a.json"]


@pytest.mark.parametrize("key", ["c/shards/../../x.json", "c/shards/a\x1b[31mb.json", "c/shards//b.json"])
def test_a_name_that_is_none_is_said_at_once_and_not_taken_for_the_network(bucket, client, key) -> None:
    client.put_object(Bucket=bucket.bucket, Key=key, Body=b"x")
    with pytest.raises(
        RemoteError, match=r"shards: an object there has a name that is none .* remove it"
    ) as error:
        (bucket / "c").storage.names("shards")
    assert not error.value.retry


@pytest.fixture
def client(s3_server):
    """A client that lets any name by."""
    session = pytest.importorskip("botocore.session").get_session()
    key = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
    url = f"http://127.0.0.1:{s3_server.port}"
    return session.create_client("s3", endpoint_url=url, region_name="us-east-1", **key)


def test_by_http_nothing_is_written() -> None:
    storage = RemoteStorage(place("http://127.0.0.1:9/c"), None)
    with pytest.raises(RemoteError, match="can only be read by HTTP"):
        storage.put_if_absent("a", b"x")


def test_a_network_with_faults_gives_the_right_bytes_or_an_error(
    s3_server, bench, bucket, monkeypatch
) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    data = bytes(range(256)) * 4000
    bucket.storage.put_if_absent("a", data)
    stores = bench("object_stores")
    proxy = stores.Proxy(s3_server.port)
    proxy.resets = proxy.truncated = proxy.busy = 0.1
    with stores.lead_to(proxy.port):
        begun, right = time.monotonic(), 0
        for number in range(25):
            assert (
                bucket.storage.read_range("a", number * 1000, number * 1000 + 200_000)
                == data[number * 1000 :][:200_000]
            )
            assert bucket.storage.put_if_absent(f"b{number}", b"%d" % number) is not None
            assert bucket.storage.read(f"b{number}").data == b"%d" % number
            right += 1
        assert right == 25
        assert time.monotonic() - begun < 60
    proxy.close()
