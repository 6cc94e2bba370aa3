"""No clip is committed twice, whoever else commits meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest

from cache import CacheReader, CacheWriter
from cache.commit.partition import ShardPlan, shard_name
from cache.common import durable
from cache.common.errors import (
    DuplicateClipError,
)


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
    monkeypatch.setattr(durable, "turn", lambda _folder: nullcontext())
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
    monkeypatch.setattr(durable, "turn", lambda _folder: nullcontext())
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
