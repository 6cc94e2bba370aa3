"""What the cache says of where a clip came from, and the state of its file."""

from __future__ import annotations

import os

from extract.sources.clips import Source, SourceClip, source_stat


def test_the_source_names_the_channel_where_one_is_chosen(tmp_path) -> None:
    clip = SourceClip("a", tmp_path / "a.wav", "talks/a.wav")
    assert clip.source == "talks/a.wav"
    assert SourceClip("a", clip.path, clip.shown, channel=0).source == "talks/a.wav#channel=0"
    assert Source((clip,)).failures == ()


def test_a_file_has_its_size_and_time_or_none(tmp_path) -> None:
    (tmp_path / "a.wav").write_bytes(b"xyz")
    os.utime(tmp_path / "a.wav", ns=(5, 7))
    assert source_stat(tmp_path / "a.wav") == (3, 7)
    assert source_stat(tmp_path / "gone.wav") is None


def test_the_source_names_the_audio_stream_where_one_is_chosen(tmp_path) -> None:
    clip = SourceClip("a", tmp_path / "a.mp4", "a.mp4", channel=1, audio_stream=2)
    assert clip.source == "a.mp4#audio_stream=2#channel=1"
    assert clip.sound == (tmp_path / "a.mp4", 2)


def test_an_audio_stream_for_all_leaves_those_that_rows_choose(tmp_path) -> None:
    clips = [
        SourceClip(name, tmp_path / "a.mp4", "a.mp4", audio_stream=n) for name, n in (("a", None), ("b", 0))
    ]
    source = Source(tuple(clips))
    assert [clip.audio_stream for clip in source.with_audio_stream(1).clips] == [1, 0]
    assert source.with_audio_stream(None) is source


def test_a_clip_is_whole_unless_a_time_is_given(tmp_path) -> None:
    path = tmp_path / "a.mp4"
    assert SourceClip("a", path, "a", segmented=True).is_whole
    assert not SourceClip("a", path, "a", start=0.1).is_whole
    assert not SourceClip("a", path, "a", end=3.0).is_whole
