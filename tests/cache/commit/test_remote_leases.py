"""Leases behind a URL: one holder at a time, by the tags of objects."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cache.commit import leases, remote_leases
from cache.commit.processes import host_name

SHARD = "0123456789abcdef-0"


def put(cache, **changes) -> None:
    said = {"owner": "x", "host": "elsewhere", "pid": 7, "until": time.time() + 500} | changes
    (cache / "leases").storage.replace_if_match(f"{SHARD}.lease", None, json.dumps(said).encode())


def test_of_many_at_once_one_holds_it_and_gives_it_back(bucket) -> None:
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda _: remote_leases.acquire(bucket, SHARD, 60), range(12)))
    [lease] = [each for each in got if each]
    assert not lease.is_lost()
    assert remote_leases.acquire(bucket, SHARD, 60) is None
    lease.release()
    assert list(bucket.storage.list("leases/")) == []
    assert remote_leases.acquire(bucket, SHARD, 60)


@pytest.mark.parametrize(
    "dead", [{"until": 5.0}, {"until": time.time() + 1e8}, {"host": host_name(), "pid": 2**22 + 9}]
)
def test_one_of_the_dead_is_taken_over_by_one(bucket, dead) -> None:
    put(bucket, **dead)
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda _: remote_leases.acquire(bucket, SHARD, 60), range(6)))
    assert sum(each is not None for each in got) == 1


def test_what_is_no_lease_is_taken_over(bucket) -> None:
    (bucket / "leases").storage.put_if_absent(f"{SHARD}.lease", b"no JSON")
    assert remote_leases.acquire(bucket, SHARD, 60)


def test_it_is_renewed_in_time_and_only_by_its_holder(bucket) -> None:
    lease = remote_leases.acquire(bucket, SHARD, 60)
    before = bucket.storage.read(f"leases/{SHARD}.lease")
    lease.renew()
    assert bucket.storage.read(f"leases/{SHARD}.lease") == before, "a third of it is not used up"
    lease._until -= 30
    lease.renew()
    assert bucket.storage.read(f"leases/{SHARD}.lease") != before
    put(bucket)
    lease._until -= 60
    lease.renew()
    assert lease.is_lost()
    lease.release()
    assert remote_leases.holder_of(bucket, SHARD).owner == "x"


def test_what_a_process_held_that_is_known_to_be_gone_is_free_at_once(bucket, tmp_path) -> None:
    put(bucket)
    turn = json.dumps({"owner": "x", "host": "elsewhere", "pid": 7, "until": time.time() + 500}).encode()
    (bucket / "leases").storage.put_if_absent("turn.lease", turn)
    remote_leases.remove_of(bucket, [SHARD, "another-0"], "elsewhere", 8)
    assert remote_leases.acquire(bucket, SHARD, 60) is None, "it is another process's"
    remote_leases.remove_of(bucket, [SHARD, "another-0"], "elsewhere", 7)
    assert remote_leases.acquire(bucket, SHARD, 60)
    assert remote_leases.acquire(bucket, remote_leases.TURN, 60)
    assert leases.acquire(tmp_path, SHARD, 60)
    remote_leases.remove_of(tmp_path, [SHARD], host_name(), os.getpid())
    assert leases.acquire(tmp_path, SHARD, 60)


def test_only_those_of_the_dead_are_removed(bucket) -> None:
    put(bucket)
    (bucket / "leases").storage.put_if_absent("other.file", b"{}")
    remote_leases.acquire(bucket, "other-0", 0.01)
    time.sleep(0.05)
    remote_leases.remove_dead(bucket)
    assert (bucket / "leases").storage.names("") == [f"{SHARD}.lease", "other.file"]


def test_a_turn_is_taken_by_one_at_a_time(bucket) -> None:
    inside, most = [], []

    def work(_: int) -> None:
        with remote_leases.turn(bucket / "shards"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert max(most) == 1


def test_a_turn_of_the_dead_is_over_and_no_other_is_waited_for_without_end(bucket, monkeypatch) -> None:
    for left, least, most in (({"host": host_name(), "pid": 2**22 + 9}, 0.0, 5.0), ({}, 0.3, 10.0)):
        said = {"owner": "x", "host": "elsewhere", "pid": 7, "until": time.time() + 500} | left
        (bucket / "leases").storage.replace_if_match("turn.lease", None, json.dumps(said).encode())
        begun = time.monotonic()
        with remote_leases.turn(bucket / "shards"):
            assert least <= time.monotonic() - begun < most
        monkeypatch.setattr(remote_leases, "TURN_SECONDS", 0.3)


def test_in_a_folder_turns_are_those_of_folders(tmp_path) -> None:
    with remote_leases.turn(tmp_path):
        assert list(tmp_path.iterdir()) == []
