"""A cache is made once, continued only with its own recipe, and every shard is whole or absent."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, verify
from cache.commit.partition import Committed
from cache.commit.processes import host_name
from cache.common.errors import (
    DuplicateClipError,
    InvalidValueError,
    NotACacheError,
    RecipeMismatchError,
)
from cache.common.storage import turns


def test_a_cache_of_another_recipe_is_refused_with_a_readable_diff(tmp_path, recipe, fields) -> None:
    CacheWriter.open(tmp_path / "c", recipe | {"max_seconds": 12.0}, fields)
    with pytest.raises(RecipeMismatchError, match=r"max_seconds: 12\.0 -> 6\.0"):
        CacheWriter.open(tmp_path / "c", recipe | {"max_seconds": 6.0}, fields)


def test_the_same_weights_under_another_name_are_the_same_recipe(tmp_path, recipe, fields) -> None:
    CacheWriter.open(tmp_path / "c", recipe, fields)
    CacheWriter.open(tmp_path / "c", recipe | {"model": "local", "revision": "local"}, fields)
    with pytest.raises(RecipeMismatchError, match="weights_sha256"):
        CacheWriter.open(tmp_path / "c", recipe | {"weights_sha256": "c" * 64}, fields)


def test_a_folder_with_other_files_never_becomes_a_cache(tmp_path, recipe, fields) -> None:
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(NotACacheError, match=r"thesis\.docx"):
        CacheWriter.open(tmp_path, recipe, fields)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_two_writers_of_the_same_shard_leave_one_shard(tmp_path, recipe, fields, make_clip) -> None:
    clips = [make_clip("00001"), make_clip("00002")]
    first = CacheWriter.open(tmp_path, recipe, fields).commit(clips)
    second = CacheWriter.open(tmp_path, recipe, fields).commit(clips)
    assert first == second
    assert CacheReader(tmp_path).clip_ids == ("00001", "00002")
    assert len(list((tmp_path / "shards").iterdir())) == 2


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "non_finite"), (np.inf, "non_finite"), (7e4, "overflow")]
)
def test_values_that_must_not_enter_are_refused(tmp_path, recipe, fields, make_clip, value, reason) -> None:
    clip = make_clip("00001")
    clip.frames["hidden_states/2"][2, 3] = value
    with pytest.raises(InvalidValueError, match="00001") as error:
        CacheWriter.open(tmp_path, recipe, fields).commit([clip])
    assert error.value.reason == reason
    assert not list((tmp_path / "shards").iterdir())


def test_shapes_and_ids_are_checked(tmp_path, recipe, fields, make_clip) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    clip = make_clip("00001")
    with pytest.raises(InvalidValueError, match="hidden_states/2"):
        writer.commit([replace(clip, frames=clip.frames | {"hidden_states/2": np.zeros((7, 9), np.float32)})])
    with pytest.raises(DuplicateClipError, match="00001"):
        writer.commit([clip, clip])


def replanned(writer, clips, **changes):
    """Plan these clips again, as ``--update`` does, and commit the one shard."""
    planned = dict.fromkeys((clip.clip_id for clip in clips), 7)
    [plan] = writer.plan(planned, replace=set(planned))
    return plan, writer.commit([replace(clip, **changes) for clip in clips], plan)


def test_a_later_generation_replaces_clips_and_leaves_the_others(tmp_path, recipe, fields, make_clip) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    writer.commit([make_clip("a"), make_clip("b"), make_clip("c")])
    plan, record = replanned(writer, [make_clip("b")], rms_db=-1.0)
    assert (plan.generation, plan.supersedes) == (1, ("b",))
    assert record.content.supersedes == ("b",)
    assert replanned(writer, [make_clip("b")], rms_db=-2.0)[0].generation == 2
    reader = CacheReader(tmp_path)
    assert sorted(reader.clip_ids) == ["a", "b", "c"]
    assert reader.clip_table("clips/rms_db", ["a", "b", "c"]).tolist() == [-20.0, -2.0, -20.0]
    assert verify(tmp_path).findings == ()
    assert writer.plan({"a": 7, "b": 7, "c": 7}) == []


def test_a_replacement_that_fails_leaves_the_old_values_and_is_planned_again(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    writer.commit([make_clip("a"), make_clip("b")])
    [plan] = writer.plan({"a": 7, "b": 7}, replace={"a", "b"})
    writer.commit([replace(make_clip("a"), rms_db=-1.0)], plan)
    assert CacheReader(tmp_path).clip_table("clips/rms_db", ["a", "b"]).tolist() == [-1.0, -20.0]
    [again] = writer.plan({"a": 7, "b": 7}, replace={"b"})
    assert (again.planned, again.generation) == ({"b": 7}, 1)


def test_a_writer_whose_temporary_file_was_cleaned_away_writes_it_again(
    tmp_path, recipe, fields, make_clip, monkeypatch
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    publish, calls = writer.store.publish, []

    def cleaned_once(tmp, final):
        if not calls:
            tmp.unlink()
        calls.append(tmp)
        return publish(tmp, final)

    monkeypatch.setattr(writer.store, "publish", cleaned_once)
    assert writer.commit([make_clip("a")]).clip_ids == ("a",)
    assert len(calls) == 2


def test_what_is_left_of_killed_writers_goes_with_the_next(tmp_path, recipe, fields) -> None:
    CacheWriter.open(tmp_path, recipe, fields)
    lease = tmp_path / "leases" / "0123456789abcdef-0.0.lease"
    gone = {"owner": "x", "host": host_name(), "pid": 2**22 + 1, "until": time.time() + 100}
    lease.write_text(json.dumps(gone))
    year = tmp_path / "leases" / "0123456789abcdef-1.0.lease"  # a clock that is wrong
    year.write_text(json.dumps(gone | {"host": "elsewhere", "until": time.time() + 3e7}))
    other = tmp_path / "leases" / "0123456789abcdef-2.0.lease"
    other.write_text(json.dumps(gone | {"host": "elsewhere"}))
    CacheWriter.open(tmp_path, recipe, fields)
    assert list((tmp_path / "leases").iterdir()) == [other]


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_a_shard_that_was_published_anew_meanwhile_gets_the_record_of_what_is_there(
    committed_once, tmp_path, recipe, fields, make_clip, monkeypatch, store
) -> None:
    """Two writers of one shard; a third brings a clip of it; the second makes it anew, and is slow to record it."""
    first, second, third = (CacheWriter.open(tmp_path, recipe, fields, store=store) for _ in range(3))
    [plan] = first.plan({"a": 7, "b": 7})
    clips = [make_clip("a"), make_clip("b")]
    publish, turn = first.store.publish, turns.turn
    reached, go_on = threading.Event(), threading.Event()
    taken = []

    @contextmanager
    def slow_turn(path):
        if threading.current_thread().name == "second":
            taken.append(path)
            if len(taken) == 2:  # the first found the clip in common
                reached.set()
                assert go_on.wait(30)
        with turn(path) as mine:
            yield mine

    slow = threading.Thread(target=second.commit, args=(clips, plan), name="second")

    def overtaken(tmp, final):
        published = publish(tmp, final)
        if not taken:
            third.commit([make_clip("b"), make_clip("c")])
            slow.start()
            assert reached.wait(30)
        return published

    monkeypatch.setattr(turns, "turn", slow_turn)
    monkeypatch.setattr(first.store, "publish", overtaken)
    assert first.commit(clips, plan).clip_ids == ("a",)
    go_on.set()
    slow.join()
    committed_once(tmp_path, "abc")


def test_a_plan_walks_through_what_is_committed_a_fixed_number_of_times(
    tmp_path, recipe, fields, monkeypatch
) -> None:
    """However many shards there are: else planning takes the square of their number."""
    walks, names = [], Committed.names.fget
    monkeypatch.setattr(Committed, "names", property(lambda self: walks.append(1) or names(self)))
    writer = CacheWriter.open(tmp_path / "c", recipe, fields, shard_mb=1e-4)
    counts = []
    for clips in (3, 300):
        walks.clear()
        assert len(writer.plan({f"{number:03}": 10 for number in range(clips)})) == clips
        counts.append(len(walks))
    assert counts[0] == counts[1]
