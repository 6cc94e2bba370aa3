"""Connections are made from the environment; what lacks is said in one line."""

from __future__ import annotations

import sys

import pytest

from cache.common.errors import StorageError
from cache.common.storage import connect
from cache.common.storage.protocol import DeniedError, RemoteError
from cache.common.storage.url_path import place


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    connect.forget()
    yield
    connect.forget()


def test_a_missing_library_is_named_with_the_way_to_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(
        StorageError, match=r"s3://b needs the library .*: pip install 'emi-fusion\[stores\]'"
    ):
        place("s3://b/c").exists()


def test_a_bucket_has_one_connection(bucket) -> None:
    assert connect.store_of(bucket / "a") is connect.store_of(bucket / "b")
    assert connect.store_of(place("memory://x/a")) is connect.store_of(place("memory://x/b"))


def test_without_an_account_azure_says_what_it_lacks(monkeypatch) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match=r"az://box: .*check the variables of the environment"):
        place("az://box/c").exists()


@pytest.mark.parametrize("answer", ["403 Forbidden", "401 Unauthorized"])
def test_denied_access_says_what_to_check_and_shows_no_secret(answer, answering, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-word")
    port = answering(f"HTTP/1.1 {answer}\r\nContent-Length: 16\r\nConnection: close\r\n\r\nvery-secret-word")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDWORD")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(DeniedError) as raised:
        place("s3://b/c").storage.read("cache.json")
    assert "s3://b/c/cache.json: access denied; check the credentials" in str(raised.value)
    assert "secret-word" not in str(raised.value)
    assert "AKIDWORD" not in str(raised.value)


def test_a_web_server_that_lists_nothing_says_so(answering) -> None:
    port = answering("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with pytest.raises(
        RemoteError, match=r"http://127.0.0.1:\d+/c/shards: this server does not list its folders"
    ):
        place(f"http://127.0.0.1:{port}/c").storage.names("shards")


def test_a_server_that_is_not_there_is_said_after_some_attempts(monkeypatch) -> None:
    monkeypatch.setattr(connect, "RETRIES", 0)
    monkeypatch.setattr("cache.common.storage.remote.PAUSE", 0.01)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDWORD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-word")
    with pytest.raises(RemoteError, match="check the network, the endpoint") as raised:
        place("s3://b/c").storage.read("cache.json")
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    "value", ["", "127.0.0.1:9000", "htp://me:word@host", "http://me:word@a host", "http://h?t=word"]
)
@pytest.mark.parametrize(("url", "name"), [("s3://b/c", "AWS_ENDPOINT_URL"), ("gs://b/c", "GOOGLE_BASE_URL")])
def test_an_endpoint_that_is_no_address_is_named_and_not_shown(url, name, value, monkeypatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        StorageError, match=f"^{name} in the environment is (empty|no address), expected"
    ) as error:
        place(url).exists()
    assert "word" not in str(error.value)


@pytest.mark.parametrize(
    "form", ["HTTP://127.0.0.1:{}", "http://me:word@127.0.0.1:{}/", "http://localhost:{}"]
)
def test_endpoints_may_be_written_in_many_ways(form, odd_store, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", form.format(odd_store.port))
    connect.forget()
    assert place("s3://b/c").storage.put_if_absent("a", b"x")
