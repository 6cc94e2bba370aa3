"""What killed writers leave is removed, and nothing of those that live."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from cache.commit.leftovers import remove_dead_tmp
from cache.common import durable

SHARD = "0123456789abcdef-0"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "shards").mkdir()
    return tmp_path


def leftover(cache: Path, host: str, pid: int, age: float = 0.0) -> Path:
    own = durable.tmp_path(cache / "shards" / f"{SHARD}.h5").name.split(".")
    path = cache / "shards" / ".".join([*own[:2], host or own[2], str(pid), *own[4:]])
    path.write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_only_dead_writers_leftovers_are_removed(cache) -> None:
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        signal.pause()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    kept = [leftover(cache, "", os.getpid()), leftover(cache, "otherhost", 7)]
    dead = [
        leftover(cache, "", pid),
        leftover(cache, "", os.getpid(), 1e6),
        leftover(cache, "otherhost", 8, 1e6),
    ]
    folder = leftover(cache, "", pid)
    folder.unlink()
    (folder / "inside").mkdir(parents=True)
    foreign = cache / "shards" / "thesis.tmp"
    foreign.write_text("not ours")
    assert remove_dead_tmp(cache, cache / "shards") == 4
    assert all(path.exists() for path in [*kept, foreign])
    assert not any(path.exists() for path in [*dead, folder])


def test_an_old_leftover_lives_while_its_writer_holds_the_lease(cache) -> None:
    (cache / "leases").mkdir()
    path = leftover(cache, "otherhost", 7, 1e6)
    holder = {"owner": "x", "host": "otherhost", "pid": 7, "until": time.time() + 60}
    (cache / "leases" / f"{SHARD}.0.lease").write_text(json.dumps(holder))
    assert remove_dead_tmp(cache, cache / "shards") == 0
    assert path.exists()
