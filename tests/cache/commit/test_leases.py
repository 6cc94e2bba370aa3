"""Leases save double work and tell dead leftovers from live ones; no data depends on them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cache.commit import leases
from cache.commit.processes import host_name

SHARD = "0123456789abcdef-0"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "shards").mkdir()
    return tmp_path


def test_one_holder_at_a_time(cache) -> None:
    first = leases.acquire(cache, SHARD)
    assert first
    assert leases.acquire(cache, SHARD) is None
    assert leases.acquire(cache, "another-0")
    first.release()
    assert leases.acquire(cache, SHARD)


def test_an_expired_lease_is_taken_over_and_its_first_holder_notices(cache) -> None:
    first = leases.acquire(cache, SHARD, 0.05)
    assert first
    time.sleep(0.06)
    second = leases.acquire(cache, SHARD)
    assert second
    first.renew()
    assert first.is_lost()
    first.release()
    assert leases.acquire(cache, SHARD) is None
    second.renew()
    assert not second.is_lost()


def test_renewing_prolongs(cache) -> None:
    lease = leases.acquire(cache, SHARD, 0.5)
    assert lease
    for _ in range(4):
        time.sleep(0.2)
        lease.renew()
        assert not lease.is_lost()
    assert leases.acquire(cache, SHARD) is None


def test_the_lease_of_a_dead_process_of_this_machine_counts_no_longer(cache) -> None:
    code = "from cache.commit import leases; from pathlib import Path;"
    code += f"leases.acquire(Path({str(cache)!r}), {SHARD!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(leases.__file__).parents[2])
    assert leases.acquire(cache, SHARD)


def test_a_lease_of_another_machine_counts_until_it_expires(cache) -> None:
    (cache / "leases").mkdir()
    path = cache / "leases" / f"{SHARD}.0.lease"
    for until, free in ((time.time() + 60, False), (time.time() - 1, True)):
        path.write_text(json.dumps({"owner": "x", "host": "elsewhere", "pid": 1, "until": until}))
        assert (leases.acquire(cache, SHARD) is not None) is free


def test_a_lease_of_a_fast_clock_counts_no_more_once_it_was_seen_unchanged_for_long(
    cache, monkeypatch
) -> None:
    now = time.monotonic()
    path = cache / "leases" / f"{SHARD}.0.lease"
    path.parent.mkdir()
    said = {"owner": "x", "host": "elsewhere", "pid": 7, "until": time.time() + 3600 + 600}
    for renewed in (0, 1):
        path.write_text(json.dumps({**said, "until": said["until"] + renewed}))
        for later in (0, 300, 590):
            monkeypatch.setattr(time, "monotonic", lambda now=now + 1000 * renewed + later: now)
            assert leases.acquire(cache, SHARD) is None
    monkeypatch.setattr(time, "monotonic", lambda: now + 1601)
    assert leases.acquire(cache, SHARD)


def test_giving_back_removes_expired_ones_too(cache) -> None:
    for seconds in (-1.0, -1.0, 60.0):
        lease = leases.acquire(cache, SHARD, seconds)
        assert lease
    lease.release()
    assert not list((cache / "leases").iterdir())


@pytest.mark.parametrize("pid", [10**30, -1, 0])
def test_a_lease_of_no_process_id_stops_nobody(cache, pid) -> None:
    (cache / "leases").mkdir()
    holder = {"owner": "x", "host": host_name(), "pid": pid, "until": time.time() + 60}
    (cache / "leases" / f"{SHARD}.0.lease").write_text(json.dumps(holder))
    assert leases.acquire(cache, SHARD)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"owner": 1, "until": "never"}'])
def test_a_lease_that_is_none_stops_nobody(cache, text) -> None:
    (cache / "leases").mkdir()
    (cache / "leases" / f"{SHARD}.0.lease").write_text(text)
    assert leases.acquire(cache, SHARD)


def test_many_threads_after_one_expired_lease_get_it_once(cache) -> None:
    leases.acquire(cache, SHARD, -1.0)
    got = []
    barrier = threading.Barrier(8)

    def try_it() -> None:
        barrier.wait()
        got.append(leases.acquire(cache, SHARD))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in got) == 1
    assert not list((cache / "leases").glob("*.tmp"))
