"""Requests of a forked process: the library's threads do not survive a fork, so a fresh process makes them.

It is started when a fork that came after a request makes its own first one, and ends with the process it serves.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from cache.common.errors import EmiError
from cache.common.storage.protocol import RemoteError, RemoteObjects
from cache.common.storage.url_path import UrlPath

SERVE = """
import sys
from cache.common.storage import connect, courier
courier.serve(int(sys.argv[1]), connect.remote_storage)
"""


class Courier:
    """Has the methods of ``RemoteStorage``, each of which a process of its own carries out."""

    def __init__(self, root: UrlPath) -> None:
        self._root = root

    def __getattr__(self, name: str) -> Any:
        return partial(_line().ask, self._root, name)


class _Line:
    """The process that makes the requests of this one, and the way to it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        here, there = socket.socketpair()
        with there:
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            number = str(there.fileno())
            command = [sys.executable, "-c", SERVE, number]
            self._process = subprocess.Popen(command, pass_fds=[there.fileno()], env=environment)
        self._end = Connection(here.detach())

    def ask(self, root: UrlPath, method: str, *given: Any) -> Any:
        """Have a method of a storage called; raises what it raised."""
        with self._lock:
            try:
                self._end.send((root, method, given))
                answer = self._end.recv()
            except (EOFError, OSError):
                raise RemoteError(root, "the process that makes requests has died", "run again") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


_lines: list[_Line] = []


def _line() -> _Line:
    if not _lines or _lines[-1].pid != os.getpid():
        _lines.append(_Line())
    return _lines[-1]


def serve(number: int, storage_of: Callable[[UrlPath], RemoteObjects]) -> None:
    """Answer what comes in by the file handle ``number`` until nobody is there any more."""
    end = Connection(number)
    while True:
        try:
            root, method, given = end.recv()
        except (EOFError, OSError):
            return
        try:
            found = getattr(storage_of(root), method)(*given)
            answer = list(found) if isinstance(found, Iterator) else found
        except (EmiError, OSError) as error:
            answer = error
        end.send(answer)
