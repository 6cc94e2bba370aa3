"""A server that gives one answer to everything, and a store that is odd."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from cache.common.storage import connect
from cache.common.storage.url_path import UrlPath, place


@pytest.fixture
def answering() -> Iterator[Callable[[str], int]]:
    """Start a server that gives this answer to every request; return its port."""
    listeners = []

    def start(answer: str) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(1 << 16)
                        client.sendall(answer.encode())

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def odd_store(bench, monkeypatch):
    """A store that speaks S3 and Google's dialect of it; ``s3://`` and ``gs://`` lead there."""
    monkeypatch.setattr("cache.common.storage.remote.PAUSE", 0.01)
    with bench("odd_store").odd_store() as store:
        here = bench("object_stores").environment(store.port) | bench("odd_store").google(store.port)
        for name, value in here.items():
            monkeypatch.setenv(name, value)
        connect.forget()
        yield store
        connect.forget()


@pytest.fixture
def google(odd_store) -> UrlPath:
    """A bucket of Google's, as far as its documentation goes."""
    return place("gs://bucket")  # type: ignore[return-value]
