"""A forked process asks the store through a process of its own, which ends with it."""

from __future__ import annotations

import os

import pytest

from cache.common.storage import courier
from cache.common.storage.protocol import RemoteError


def test_answers_and_errors_come_through(bucket) -> None:
    bucket.storage.put_if_absent("x/a", b"one")
    through = courier.Courier(bucket)
    assert through.read("x/a").data == b"one"
    assert [entry.name for entry in through.list("")] == ["x/a"]
    assert through.put_if_absent("x/a", b"two") is None
    with pytest.raises(FileNotFoundError):
        through.size("none")
    line = courier._lines[-1]
    line._process.kill()
    line._process.wait()
    with pytest.raises(RemoteError, match="has died"):
        through.read("x/a")
    courier._lines.clear()


def test_it_ends_with_the_process_that_it_serves(bucket) -> None:
    bucket.storage.put_if_absent("a", b"one")
    read, write = os.pipe()
    child = os.fork()
    if not child:
        right = bucket.storage.read("a").data == b"one"
        os.write(write, b"%d" % courier._lines[-1]._process.pid)
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    served = int(os.read(read, 20))
    for _ in range(1000):
        try:
            os.kill(served, 0)
        except ProcessLookupError:
            break
        with open(f"/proc/{served}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                break
        os.sched_yield()
    else:
        pytest.fail("the process that makes requests lives on")
