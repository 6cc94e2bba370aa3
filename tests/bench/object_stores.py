"""S3 servers on the loopback for tests and benchmarks, and a proxy that makes a network of it.

``moto`` has the semantics of S3 and forgets everything at its end; ``on_disk`` keeps its objects in a folder, so
that it may be killed, and takes a stale ``If-Match`` for good. Both are packages of the test environment.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECRET_ID, SECRET_KEY = "AKIDOFTHETESTS", "key-of-the-tests-that-nobody-sees"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(port: int) -> dict[str, str]:
    """Return the variables that lead to a server."""
    return {
        "AWS_ACCESS_KEY_ID": SECRET_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


class Server:
    """A server in a process of its own.

    Attributes:
        port: that it listens on.
    """

    def __init__(self, *command: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._command = [part.replace("PORT", str(self.port)) for part in command]
        self.start()

    def start(self) -> None:
        """Start it, again after a kill for example, and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, *self._command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self._command} does not listen on {self.port}")

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()


def moto() -> Server:
    """Start a server with the semantics of S3."""
    return Server("-m", "moto.server", "-H", "127.0.0.1", "-p", "PORT")


def on_disk(folder: Path) -> Server:
    """Start a server that keeps its objects in a folder."""
    return Server("-m", "localbucket", str(folder), "--port", "PORT")


class Proxy:
    """Passes connections on to a server, with the faults of a network.

    Attributes:
        port: that it listens on.
        latency: seconds before a request goes on.
        resets: share of requests whose connection is reset.
        truncated: share of answers that end in the middle.
        busy: share of requests that are answered with 503.
        stalls: share of answers that halt for ``stall_seconds`` in the middle.
        requests: how many came by.
        kinds: how many of each: PUT, GET, HEAD, DELETE, LIST.
        bytes: of answers.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self.target, self.latency, self.stall_seconds = target, 0.0, 10.0
        self.resets = self.truncated = self.busy = self.stalls = 0.0
        self.requests = self.bytes = 0
        self.kinds: Counter[str] = Counter()
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _draw(self, share: float) -> bool:
        with self._lock:
            return self._random.random() < share

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError), client, client.makefile("rb") as requests:
            server = socket.create_connection(("127.0.0.1", self.target), 60)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with server, server.makefile("rb") as answers:
                while self._pass_on(requests, client, server, answers):
                    pass

    def _pass_on(self, requests, client, server, answers) -> bool:
        head, body = _message(requests)
        if not head:
            return False
        with self._lock:
            self.requests += 1
            first = head.split(b"\r\n")[0].decode(errors="replace")
            self.kinds["LIST" if "list-type" in first else first.split(" ")[0]] += 1
        time.sleep(self.latency)
        if self._draw(self.resets):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        if self._draw(self.busy):
            client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        server.sendall(head + body)
        head, body = _message(answers, bodiless=head.startswith(b"HEAD"))
        self.bytes += len(body)
        half = len(body) // 2
        if half and self._draw(self.truncated):
            client.sendall(head + body[:half])
            return False
        client.sendall(head + body[:half])
        if half and self._draw(self.stalls):
            time.sleep(self.stall_seconds)
        client.sendall(body[half:])
        return b"connection: close" not in head.lower()


def _message(file, *, bodiless: bool = False) -> tuple[bytes, bytes]:
    """Read one message of HTTP/1.1: its head, and its body as it came."""
    lines = []
    while line := file.readline():
        lines.append(line)
        if line == b"\r\n":
            break
    head = b"".join(lines)
    fields = dict(line.lower().split(b":", 1) for line in lines[1:-1] if b":" in line)
    if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
        return head, _chunks(file)
    length = 0 if bodiless else int(fields.get(b"content-length", b"0"))
    return head, file.read(length) if length else b""


def _chunks(file) -> bytes:
    body = b""
    while True:
        size = file.readline()
        count = int(size.split(b";")[0], 16)
        body += size + file.read(count + 2)
        if not count:
            return body


@contextmanager
def lead_to(port: int) -> Iterator[None]:
    """Let this process's object stores be those of a server."""
    from cache.common.storage import connect

    before = {name: os.environ.get(name) for name in environment(port)}
    os.environ.update(environment(port))
    connect.forget()
    try:
        yield
    finally:
        connect.forget()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
