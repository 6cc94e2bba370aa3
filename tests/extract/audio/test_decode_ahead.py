"""Clips are decoded ahead: long ones first, a bounded number of them, each file once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cache.commit.partition import ShardPlan
from extract.audio import decode_ahead
from extract.audio.decode_ahead import decoded
from extract.errors import ClipError
from extract.sources.clips import SourceClip


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_long_clips_come_first_and_a_broken_one_is_a_value(tmp_path, voice, write_media, pool) -> None:
    paths = {name: tmp_path / f"{name}.wav" for name in "abc"}
    for name, seconds in (("a", 0.3), ("c", 0.6)):
        write_media(paths[name], voice(seconds))
    clips = {name: SourceClip(name, path, path.name) for name, path in paths.items()}
    plan = ShardPlan("x", {"a": 15, "b": 20, "c": 30}, "p")
    results = list(decoded([plan], clips, 12.0, pool))
    assert [clip.clip_id for clip, _ in results] == ["c", "b", "a"]
    assert isinstance(results[1][1], ClipError)
    assert [len(results[row][1].samples) for row in (0, 2)] == [9_600, 4_800]


def test_a_file_of_several_clips_is_decoded_once(tmp_path, voice, write_media, pool, monkeypatch) -> None:
    path = write_media(tmp_path / "x.wav", voice(2.0))
    clips = {str(n): SourceClip(str(n), path, "x.wav", 0.5 * n, 0.5 * n + 0.5) for n in range(4)}
    passes = []
    plain = decode_ahead.decode_file
    monkeypatch.setattr(
        decode_ahead, "decode_file", lambda some, *how: passes.append(len(some)) or plain(some, *how)
    )
    plan = ShardPlan("x", dict.fromkeys(clips, 24), "p")
    assert len(list(decoded([plan], clips, 12.0, pool))) == 4
    assert passes == [4]


def test_no_more_is_decoded_than_may_wait_and_what_waits_is_given_up(tmp_path, pool, monkeypatch) -> None:
    monkeypatch.setattr(decode_ahead, "CLIPS_AHEAD", 3)
    begun, lock = [], threading.Lock()

    def count(clips, *_how):
        with lock:
            begun.append(clips[0].clip_id)
        return {clip.clip_id: ClipError("x", "x") for clip in clips}

    monkeypatch.setattr(decode_ahead, "decode_file", count)
    clips = {f"{n:02}": SourceClip(f"{n:02}", tmp_path / f"{n}.wav", "x") for n in range(20)}
    stream = decoded([ShardPlan("x", dict.fromkeys(clips, 1), "p")], clips, 12.0, pool)
    assert next(stream)[0].clip_id == "00"
    stream.close()
    pool.shutdown()
    assert len(begun) <= 3


def test_no_more_shards_are_begun_than_one_beyond_the_one_at_hand(tmp_path, pool) -> None:
    clips = {f"{n:02}": SourceClip(f"{n:02}", tmp_path / f"{n}.wav", "x") for n in range(20)}
    begun = []

    def plans():
        for number in range(10):
            begun.append(number)
            yield ShardPlan(str(number), {f"{2 * number:02}": 1, f"{2 * number + 1:02}": 1}, "p")

    stream = decoded(plans(), clips, 12.0, pool)
    for taken in range(20):
        next(stream)
        assert len(begun) <= taken // 2 + 2
    assert next(stream, None) is None


def test_a_file_that_does_not_fit_the_memory_is_one_entry(
    tmp_path, voice, write_media, pool, monkeypatch
) -> None:
    def decode_file(clips, *_):
        raise MemoryError

    monkeypatch.setattr(decode_ahead, "decode_file", decode_file)
    clip = SourceClip("a", tmp_path / "a.wav", "a.wav")
    [(_, outcome)] = decode_ahead.decoded([ShardPlan("s", {"a": 1}, "p")], {"a": clip}, 12.0, pool)
    assert (outcome.reason, str(outcome)) == ("out_of_memory", "its sound does not fit the memory")
