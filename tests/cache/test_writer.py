"""A cache is made once, continued only with its own recipe, and every shard is whole or absent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, verify
from cache.commit import leases
from cache.commit.failures import Failure, read_failures
from cache.commit.partition import ShardPlan, shard_name
from cache.common import durable
from cache.common.durable import check_writable, publish_file, write_once
from cache.common.errors import (
    DuplicateClipError,
    InvalidValueError,
    NotACacheError,
    RecipeMismatchError,
    StorageError,
)


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


def test_a_shard_published_without_its_record_gets_the_record_from_what_is_there(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    record = writer.commit([make_clip("00001", 5)])
    (tmp_path / "shards" / f"{record.name}.json").unlink()
    assert len(CacheReader(tmp_path)) == 0
    louder = replace(make_clip("00001", 5), rms_db=-3.0)
    assert writer.commit([louder]) == record
    assert CacheReader(tmp_path).clip_table("clips/rms_db").tolist() == [-20.0]


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


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_half_written(python, tmp_path) -> None:
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from cache import CacheWriter, ClipFeatures, FrameField
from cache.common.errors import StorageError
fields = [FrameField("vad", 300, np.dtype("float32"))]
def clip(name, frames):
    x = np.ones((frames, 300), np.float32)
    return ClipFeatures(name, {{"vad": x}}, {{"vad": x[0]}}, 999, -20.0, "0" * 64, {{}})
writer = CacheWriter.open({str(tmp_path)!r}, {{"model": "m"}}, fields)
writer.commit([clip("small", 2)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    writer.commit([clip("large", 1000)])
except StorageError as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.commit([clip("large", 1000)])
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "limit" in done.stdout
    assert CacheReader(tmp_path).clip_ids != ()
    assert set(CacheReader(tmp_path).clip_ids) == {"small", "large"}
    assert verify(tmp_path).findings == ()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root to become nobody")
def test_no_permission_is_one_clear_line(tmp_path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o005)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        try:
            os.setgid(65534)
            os.setuid(65534)
            check_writable(tmp_path / "cache")
            os._exit(1)
        except StorageError as error:
            os._exit(0 if "no permission" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_publishing_does_not_overwrite_and_works_without_links(tmp_path, monkeypatch) -> None:
    final = tmp_path / "final"
    (tmp_path / "a").write_bytes(b"first")
    assert publish_file(tmp_path / "a", final)

    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "b").write_bytes(b"second")
    assert not publish_file(tmp_path / "b", final)
    assert final.read_bytes() == b"first"
    (tmp_path / "b").write_bytes(b"second")
    assert publish_file(tmp_path / "b", tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final", "other"]


def test_write_once_keeps_what_is_there(tmp_path) -> None:
    assert write_once(tmp_path / "a.json", b"1")
    assert not write_once(tmp_path / "a.json", b"2")
    assert (tmp_path / "a.json").read_bytes() == b"1"


def test_the_ledger_lists_the_latest_reason_until_the_clip_is_committed(tmp_path, recipe, fields) -> None:
    first, second = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    first.fail(Failure("00001", "00001.mp3", "decode", "unreadable", "old", time=1.0))
    second.fail(Failure("00001", "00001.mp3", "decode", "damaged", "new", time=2.0))
    second.fail(Failure("00002", "00002.mp3", "decode", "too_short", "x", time=3.0))
    with next((tmp_path / "failures").iterdir()).open("a") as file:
        file.write('{"clip_id": "cut sho')
    assert [failure.message for failure in read_failures(tmp_path, set())] == ["new", "x"]
    assert [failure.clip_id for failure in read_failures(tmp_path, {"00002"})] == ["00001"]


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


def test_what_another_shard_brought_meanwhile_is_left_out(tmp_path, recipe, fields, make_clip) -> None:
    writer, other = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    [plan] = writer.plan({"a": 7, "b": 7})
    other.commit([make_clip("b")])
    assert writer.commit([make_clip("a"), make_clip("b")], plan).clip_ids == ("a",)
    assert sorted(CacheReader(tmp_path).clip_ids) == ["a", "b"]
    with pytest.raises(DuplicateClipError, match="clip a stands in shard"):
        other.commit([make_clip("a"), make_clip("z")])


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


def test_a_damaged_file_without_a_record_is_set_aside_not_in_the_way(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    [plan] = writer.plan({"a": 7})
    (tmp_path / "shards" / f"{plan.name}.h5").write_bytes(b"half a shard, as a power cut may leave it")
    assert writer.commit([make_clip("a")], plan).clip_ids == ("a",)
    assert verify(tmp_path).findings == ()
    assert [path.name for path in (tmp_path / "damaged").glob("*/*")] == [f"{plan.name}.h5"]


def committed_once(path, ids) -> None:
    """Everything is there, once, undamaged, and nothing else lies about."""
    assert sorted(CacheReader(path).clip_ids) == sorted(ids)
    assert verify(path).findings == ()
    records = {file.stem for file in (path / "shards").glob("*.json")}
    assert {file.name.split(".")[0] for file in (path / "shards").iterdir()} == records
    assert list((path / "leases").iterdir()) == []


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
@pytest.mark.parametrize("planned", [True, False])
def test_of_two_sources_with_a_clip_in_common_only_one_brings_it(
    tmp_path, recipe, fields, make_clip, monkeypatch, store, planned
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
    tmp_path, recipe, fields, make_clip, monkeypatch, late
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
    tmp_path, recipe, fields, make_clip, monkeypatch
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


def test_a_turn_is_taken_by_one_at_a_time_and_after_a_while_all_the_same(tmp_path) -> None:
    inside, most = [], []

    def work(_: int) -> None:
        with durable.turn(tmp_path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(60)))
    assert max(most) == 1
    with durable.turn(tmp_path), durable.turn(tmp_path, seconds=0.05):
        pass
    with durable.turn(tmp_path):
        child = os.fork()
        if not child:
            time.sleep(20)
            os._exit(0)
    begun = time.monotonic()
    with durable.turn(tmp_path):
        waited = time.monotonic() - begun
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert waited < 10


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
@pytest.mark.parametrize("kind", ["bit", "other clips"])
def test_what_stands_in_a_shards_place_is_checked_before_it_is_recorded(
    tmp_path, recipe, fields, make_clip, store, kind
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields, store=store)
    [plan] = writer.plan({"a": 7})
    record = writer.commit([make_clip("a" if kind == "bit" else "zzz")])
    [shard] = [path for path in (tmp_path / "shards").iterdir() if path.suffix != ".json"]
    (tmp_path / "shards" / f"{record.name}.json").unlink()
    shard = shard.rename(shard.with_name(plan.name + shard.suffix))
    if kind == "bit":
        chunk = shard if store == "hdf5" else shard / "frames" / "vad" / "c.0.0"
        data = bytearray(chunk.read_bytes())
        data[(record.datasets["frames/vad"].offset or 0) + 5] ^= 1
        chunk.write_bytes(data)
    found = CacheWriter.open(tmp_path, recipe, fields).commit([make_clip("a")], plan)
    assert found.clip_ids == ("a",)
    committed_once(tmp_path, "a")
    assert len(list((tmp_path / "damaged").iterdir())) == 1


def test_what_is_left_of_killed_writers_goes_with_the_next(tmp_path, recipe, fields) -> None:
    CacheWriter.open(tmp_path, recipe, fields)
    lease = tmp_path / "leases" / "0123456789abcdef-0.0.lease"
    gone = {"owner": "x", "host": leases.host_name(), "pid": 2**22 + 1, "until": time.time() + 100}
    lease.write_text(json.dumps(gone))
    year = tmp_path / "leases" / "0123456789abcdef-1.0.lease"  # a clock that is wrong
    year.write_text(json.dumps(gone | {"host": "elsewhere", "until": time.time() + 3e7}))
    other = tmp_path / "leases" / "0123456789abcdef-2.0.lease"
    other.write_text(json.dumps(gone | {"host": "elsewhere"}))
    CacheWriter.open(tmp_path, recipe, fields)
    assert list((tmp_path / "leases").iterdir()) == [other]


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_a_shard_that_was_published_anew_meanwhile_gets_the_record_of_what_is_there(
    tmp_path, recipe, fields, make_clip, monkeypatch, store
) -> None:
    """Two writers of one shard; a third brings a clip of it; the second makes it anew, and is slow to record it."""
    first, second, third = (CacheWriter.open(tmp_path, recipe, fields, store=store) for _ in range(3))
    [plan] = first.plan({"a": 7, "b": 7})
    clips = [make_clip("a"), make_clip("b")]
    publish, turn = first.store.publish, durable.turn
    reached, go_on = threading.Event(), threading.Event()
    turns = []

    @contextmanager
    def slow_turn(path):
        if threading.current_thread().name == "second":
            turns.append(path)
            if len(turns) == 2:  # the first found the clip in common
                reached.set()
                assert go_on.wait(30)
        with turn(path) as mine:
            yield mine

    slow = threading.Thread(target=second.commit, args=(clips, plan), name="second")

    def overtaken(tmp, final):
        published = publish(tmp, final)
        if not turns:
            third.commit([make_clip("b"), make_clip("c")])
            slow.start()
            assert reached.wait(30)
        return published

    monkeypatch.setattr(durable, "turn", slow_turn)
    monkeypatch.setattr(first.store, "publish", overtaken)
    assert first.commit(clips, plan).clip_ids == ("a",)
    go_on.set()
    slow.join()
    committed_once(tmp_path, "abc")


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
def test_many_writers_of_overlapping_sources_at_once(tmp_path, recipe, fields, make_clip, store) -> None:
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
