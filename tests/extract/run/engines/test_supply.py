"""Shards are given out once each, with their clips alone, and again when whoever had one is lost."""

from __future__ import annotations

import threading
import tracemalloc

import pytest

from cache.commit.partition import ShardPlan
from extract.run.engines import supply
from extract.run.engines.supply import ClipsAtHand, OwnSupply, ShardServer


def shards(count: int) -> list[ShardPlan]:
    return [ShardPlan(str(number), {f"{number}a": 1, f"{number}b": 1}, "plan") for number in range(count)]


@pytest.fixture
def clips() -> dict[str, str]:
    return {clip_id: clip_id.upper() for shard in shards(4) for clip_id in shard.planned}


def test_a_shard_comes_with_its_clips_and_no_others(clips) -> None:
    server = ShardServer(shards(4), clips)
    first, second = server.take("one"), server.take("other")
    assert (first.shard.name, first.clips) == ("0", {"0a": "0A", "0b": "0B"})
    assert (second.shard.name, second.clips) == ("1", {"1a": "1A", "1b": "1B"})


def test_all_is_finished_once_all_is_done(clips) -> None:
    server = ShardServer(shards(2), clips)
    own = OwnSupply(server)
    first, second = own.take(), own.take()
    assert own.take() is None
    own.done(first.shard)
    assert not server.is_finished
    own.done(second.shard)
    assert server.is_finished
    assert not own.wait()


def test_what_a_lost_worker_had_comes_first_and_in_its_order(clips) -> None:
    server = ShardServer(shards(4), clips)
    had = [server.take("lost").shard for _ in range(2)]
    server.take("lost")
    server.done("lost", "0")
    assert [shard.name for shard in server.lost("lost")] == ["1", "2"]
    assert [server.take("other").shard.name for _ in range(3)] == ["1", "2", "3"]
    assert server.lost("lost") == []
    assert had[1].name == "1"
    server.done("lost", "1")
    assert not server.is_finished, "the lost one's word counts no more"


def test_a_shard_that_another_run_holds_is_given_out_later(clips, monkeypatch) -> None:
    monkeypatch.setattr(supply, "POLL_SECONDS", 0.0)
    server = ShardServer(shards(2), clips)
    own = OwnSupply(server)
    own.held(own.take().shard)
    assert own.take().shard.name == "1", "others first"
    assert own.take().shard.name == "0"
    monkeypatch.setattr(supply, "POLL_SECONDS", 60.0)
    server = ShardServer(shards(1), clips)
    server.held("x", server.take("x").shard.name)
    assert server.take("x") is None
    assert not server.is_finished


def test_a_shard_that_is_given_up_is_waited_for_no_more(clips) -> None:
    server = ShardServer(shards(1), clips)
    server.take("x")
    assert server.give_up("0") == [], "somebody is at it"
    server.lost("x")
    assert [shard.name for shard in server.give_up("0")] == ["0"]
    assert server.is_finished


def test_clips_are_kept_as_long_as_a_shard_at_hand_needs_them() -> None:
    at_hand = ClipsAtHand()
    at_hand.add({"a": 1, "b": 2})
    at_hand.add({"b": 2, "c": 3})
    at_hand.drop({"a": 1, "b": 2})
    assert at_hand == {"b": 2, "c": 3}
    at_hand.drop({"b": 2, "c": 3})
    assert at_hand == {}


def test_many_threads_take_each_shard_once(clips) -> None:
    many = [ShardPlan(str(number), {"0a": 1}, "plan") for number in range(2000)]
    server, taken = ShardServer(many, clips), []

    def take(worker: str) -> None:
        while (assignment := server.take(worker)) is not None:
            taken.append(assignment.shard.name)
            server.done(worker, assignment.shard.name)

    threads = [threading.Thread(target=take, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(shard.name for shard in many)
    assert server.is_finished


def test_giving_out_ten_thousand_shards_needs_no_more_memory_for_each(clips) -> None:
    server = ShardServer([ShardPlan(str(number), {"0a": 1}, "plan") for number in range(10_000)], clips)
    tracemalloc.start()
    try:
        for _ in range(10_000):
            server.done("x", server.take("x").shard.name)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
