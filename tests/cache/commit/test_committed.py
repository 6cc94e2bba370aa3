"""No clip is committed twice, whoever else commits meanwhile."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader, CacheWriter
from cache.commit import committed
from cache.commit.partition import ShardPlan, shard_name
from cache.common import durable, gate
from cache.common.errors import DuplicateClipError
from cache.common.storage import turns
from cache.format import catalog


def test_what_another_shard_brought_meanwhile_is_left_out(tmp_path, recipe, fields, make_clip) -> None:
    writer, other = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    [plan] = writer.plan({"a": 7, "b": 7})
    other.commit([make_clip("b")])
    assert writer.commit([make_clip("a"), make_clip("b")], plan).clip_ids == ("a",)
    assert sorted(CacheReader(tmp_path).clip_ids) == ["a", "b"]
    with pytest.raises(DuplicateClipError, match="clip a stands in shard"):
        other.commit([make_clip("a"), make_clip("z")])


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
@pytest.mark.parametrize("planned", [True, False])
def test_of_two_sources_with_a_clip_in_common_only_one_brings_it(
    committed_once, tmp_path, recipe, fields, make_clip, monkeypatch, store, planned
) -> None:
    first, second = (CacheWriter.open(tmp_path, recipe, fields, store=store) for _ in range(2))
    [plan] = first.plan({"a": 7, "b": 7})
    publish = first.store.publish

    def overtaken(tmp, final):
        """The other source commits after this one has looked, and before it records."""
        if final.parent.exists() and not list(final.parent.glob("*.json")):
            assert second.commit([make_clip("b"), make_clip("c")]).clip_ids == ("b", "c")
        return publish(tmp, final)

    monkeypatch.setattr(first.store, "publish", overtaken)
    if planned:
        assert first.commit([make_clip("a"), make_clip("b")], plan).clip_ids == ("a",)
    else:
        with pytest.raises(DuplicateClipError, match="clip b stands in shard"):
            first.commit([make_clip("a"), make_clip("b")])
    committed_once(tmp_path, "abc" if planned else "bc")


@pytest.mark.parametrize("late", ["link", "look"])
def test_without_turns_whoever_records_last_takes_it_back(
    committed_once, tmp_path, recipe, fields, make_clip, monkeypatch, late
) -> None:
    """A file system without locks, or a writer stopped in its turn: the look after the record decides."""
    monkeypatch.setattr(turns, "turn", lambda _folder: nullcontext())
    first, second = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    [plan] = first.plan({"a": 7, "b": 7})
    write_once = durable.write_once

    def overtaken(target, data):
        monkeypatch.setattr(durable, "write_once", write_once)
        written = write_once(target, data) if late == "look" else None
        if late == "link":
            assert second.commit([make_clip("b"), make_clip("c")]).clip_ids == ("b", "c")
            return write_once(target, data)
        with pytest.raises(DuplicateClipError):
            second.commit([make_clip("b"), make_clip("c")])
        return written

    monkeypatch.setattr(durable, "write_once", overtaken)
    record = first.commit([make_clip("a"), make_clip("b")], plan)
    assert record.clip_ids == (("a",) if late == "link" else ("a", "b"))
    committed_once(tmp_path, "abc" if late == "link" else "ab")


def test_two_that_record_at_once_both_take_it_back_and_try_again(
    committed_once, tmp_path, recipe, fields, make_clip, monkeypatch
) -> None:
    monkeypatch.setattr(turns, "turn", lambda _folder: nullcontext())
    plans = [["a", "b"], ["b", "c"]]
    barrier, write_once, calls = threading.Barrier(2, timeout=20), durable.write_once, []

    def both_at_once(target, data):
        written = write_once(target, data)
        if target.parent.name == "shards" and len(calls) < 2:
            calls.append(target)
            barrier.wait()
        return written

    def work(ids: list[str]) -> None:
        writer = CacheWriter.open(tmp_path, recipe, fields)
        plan = ShardPlan(shard_name(ids), dict.fromkeys(ids, 7), plan_id="x")
        writer.commit([make_clip(clip_id) for clip_id in ids], plan)

    CacheWriter.open(tmp_path, recipe, fields)
    monkeypatch.setattr(durable, "write_once", both_at_once)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, plans))
    committed_once(tmp_path, "abc")


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_many_writers_of_overlapping_sources_at_once(
    committed_once, tmp_path, recipe, fields, make_clip, store
) -> None:
    ids = [f"{number:02}" for number in range(24)]
    CacheWriter.open(tmp_path, recipe, fields, store=store)
    barrier = threading.Barrier(4)

    def work(seed: int) -> None:
        """Every writer has all clips, in shards of its own."""
        writer = CacheWriter.open(tmp_path, recipe, fields, store=store)
        order = np.random.default_rng(seed).permutation(ids).tolist()
        for start in range(0, len(order), 6):
            clips = {clip_id: make_clip(clip_id) for clip_id in order[start : start + 6]}
            plan = ShardPlan(shard_name([*clips, str(seed)]), dict.fromkeys(clips, 7), plan_id=str(seed))
            barrier.wait()
            writer.commit(list(clips.values()), plan)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    committed_once(tmp_path, ids)


@pytest.fixture
def looks(monkeypatch) -> dict[str, int]:
    """How often a folder of shards was listed, and a record read."""
    counts = {"listed": 0, "read": 0}
    scandir, names, read_record = os.scandir, gate.names, catalog.read_record

    def count_scan(path="."):
        counts["listed"] += Path(path).name == "shards"
        return scandir(path)

    def count_listing(root, name, suffix=""):
        counts["listed"] += name == "shards"
        return names(root, name, suffix)

    def count_reading(path):
        counts["read"] += 1
        return read_record(path)

    monkeypatch.setattr(gate, "names", count_listing)
    monkeypatch.setattr(os, "scandir", count_scan)
    monkeypatch.setattr(catalog, "read_record", count_reading)
    return counts


def test_committing_the_nth_shard_costs_what_the_first_does(
    tmp_path, recipe, fields, make_clip, looks, monkeypatch
) -> None:
    monkeypatch.setattr(committed, "LIST_SECONDS", 1e9)
    writer = CacheWriter.open(tmp_path, recipe, fields)
    writer.commit([make_clip("first", 2)])
    for number in range(30):
        looks.update(listed=0, read=0)
        writer.commit([make_clip(f"{number:02}", 2)])
        assert looks == {"listed": 0, "read": 1}, "its own record, as it is on the disk"


def test_of_what_two_writers_commit_in_turn_each_reads_only_the_news(
    tmp_path, recipe, fields, make_clip, looks, monkeypatch
) -> None:
    monkeypatch.setattr(committed, "LIST_SECONDS", 1e9)
    writers = [CacheWriter.open(tmp_path, recipe, fields) for _ in range(2)]
    for number, writer in enumerate(writers * 2):
        writer.commit([make_clip(f"warm {number}", 2)])
    assert writers[0].generations(["warm 3"]) == {"warm 3": 0}
    for number in range(20):
        looks.update(listed=0, read=0)
        writers[number % 2].commit([make_clip(f"{number:02}", 2)])
        with pytest.raises(DuplicateClipError, match=f"clip {number:02} stands in shard"):
            writers[1 - number % 2].commit([make_clip("more"), make_clip(f"{number:02}", 2)])
        assert looks == {"listed": 0, "read": 2}, "one its own record, the other that one"


def test_where_others_are_not_seen_at_once_the_records_are_listed_every_time(
    tmp_path, recipe, fields, make_clip, looks, monkeypatch
) -> None:
    monkeypatch.setattr(committed, "is_local", lambda _path: False)
    writer = CacheWriter.open(tmp_path, recipe, fields)
    for number in range(3):
        looks.update(listed=0, read=0)
        writer.commit([make_clip(f"{number:02}", 2)])
        assert looks["listed"] == 3, "before it is built, before its record and after it"


def test_a_record_that_no_journal_announced_is_seen_after_a_while(
    tmp_path, recipe, fields, make_clip, smuggle, monkeypatch
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    writer.commit([make_clip("a")])
    smuggle(tmp_path, make_clip("b"))
    monkeypatch.setattr(committed, "LIST_SECONDS", 0.0)
    with pytest.raises(DuplicateClipError, match="clip b stands in shard"):
        writer.commit([make_clip("b"), make_clip("c")])


def test_a_record_that_was_taken_back_holds_no_clip_any_more(tmp_path, recipe, fields, make_clip) -> None:
    one, two = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    one.commit([make_clip("a")])
    gone = two.commit([make_clip("b")])
    with pytest.raises(DuplicateClipError):
        one.commit([make_clip("b"), make_clip("c")])
    for name in (gone.file, f"{gone.name}.json"):
        (tmp_path / "shards" / name).unlink()
    assert one.commit([make_clip("b"), make_clip("c")]).clip_ids == ("b", "c")
    back = two.commit([make_clip("d")])
    assert back.clip_ids == ("d",)
    assert two.generations(["a", "b", "zzz"]) == {"a": 0, "b": 0}


def test_a_shard_that_was_taken_back_and_comes_again_is_seen_again(
    tmp_path, recipe, fields, make_clip
) -> None:
    """It is announced while it is still known, and is not there when the other one looks."""
    one, two = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    index = one._index
    one.commit([make_clip("a")])
    record = two.commit([make_clip("b")])
    assert index.elsewhere(["b"], "x", 0) == {"b": record.name}
    target = tmp_path / "shards" / f"{record.name}.json"
    data = target.read_bytes()
    target.unlink()
    two._index.announce(record.name)
    assert index.elsewhere(["b"], "x", 0) == {}
    target.write_bytes(data)
    assert index.elsewhere(["b"], "x", 0) == {"b": record.name}


def test_a_shard_that_comes_again_with_fewer_clips_holds_only_these(
    tmp_path, recipe, fields, make_clip
) -> None:
    one, two = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    plan = ShardPlan(shard_name(["b", "c"]), {"b": 7, "c": 7}, plan_id="x")
    one.commit([make_clip("a")])
    record = two.commit([make_clip("b"), make_clip("c")], plan)
    assert one.generations(["b", "c"]) == {"b": 0, "c": 0}
    for name in (record.file, f"{record.name}.json"):
        (tmp_path / "shards" / name).unlink()
    two.commit([make_clip("c")], plan)
    assert one.generations(["b", "c"]) == {"c": 0}
    assert one.commit([make_clip("b")]).clip_ids == ("b",)


def test_threads_that_share_a_writer_commit_every_clip_once(
    tmp_path, recipe, fields, make_clip, committed_once
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    ids = [f"{number:02}" for number in range(12)]

    def work(seed: int) -> None:
        for clip_id in np.random.default_rng(seed).permutation(ids).tolist():
            plan = ShardPlan(shard_name([clip_id, str(seed)]), {clip_id: 7}, plan_id=str(seed))
            writer.commit([make_clip(clip_id)], plan)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    committed_once(tmp_path, ids)
