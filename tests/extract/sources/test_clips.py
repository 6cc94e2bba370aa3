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
