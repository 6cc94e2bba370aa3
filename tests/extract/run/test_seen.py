"""Notes of files that sound as before: kept beside the cache, trusted in nothing, looked up at once."""

from __future__ import annotations

import json
import os

from cache import CacheReader
from extract.run import seen
from extract.run.seen import FILE, SeenClip, remember, unchanged_clips
from extract.sources.clips import SourceClip, source_stat


def test_a_damaged_note_is_no_note(tmp_path) -> None:
    clip = SourceClip("a", tmp_path / "x.wav", "x.wav")
    for text in ('{"a": [Infinity, 1, "x", 0, null, null, "x.wav"]}', "[" * 100_000, '{"a": 3}', "[3]"):
        (tmp_path / FILE).write_text(text)
        assert unchanged_clips({"a": clip}, ["a"], tmp_path) == set()


def test_many_notes_are_looked_up_at_once(tmp_path, monkeypatch) -> None:
    clips = {str(n): SourceClip(str(n), tmp_path / "gone.wav", "gone.wav") for n in range(12_000)}
    remember(tmp_path, {clip_id: SeenClip.of(clip, 1, 1, "x") for clip_id, clip in clips.items()})
    touched = CountedIterations(clips)
    monkeypatch.setattr(seen, "source_stat", lambda _: None)
    assert unchanged_clips(clips, touched, tmp_path) == set()
    assert touched.iterated <= 2


class CountedIterations(list):
    """A list that counts how often it is gone through."""

    iterated = 0

    def __iter__(self):
        self.iterated += 1
        return super().__iter__()


def test_a_note_is_added_to_those_that_are_there_under_the_name_caches_have_had(tmp_path) -> None:
    for name in "ab":
        clip = SourceClip(name, tmp_path / "x.wav", "x.wav", 0.5, None, 1)
        remember(tmp_path, {name: SeenClip.of(clip, 1, 2, "sha")})
    assert FILE == "heard.json"
    notes = json.loads((tmp_path / FILE).read_text())
    assert notes == {name: [1, 2, "sha", 0.5, None, "x.wav#channel=1"] for name in "ab"}
    remember(tmp_path / "nowhere", {})
    assert not (tmp_path / "nowhere").exists()


def test_a_clip_is_unchanged_while_its_file_and_its_sound_are_those_noted(reference, clips, tmp_path) -> None:
    path = clips / "00000.wav"
    clip = SourceClip("00000", path, "00000.wav")
    with CacheReader(reference) as reader:
        sha256 = str(reader.clip_table("clips/audio_sha256", ["00000"])[0])
    (tmp_path / "c").symlink_to(reference)
    try:
        for noted, expected in ((sha256, {"00000"}), ("another", set())):
            remember(reference, {"00000": SeenClip.of(clip, *source_stat(path), noted)})
            assert unchanged_clips({"00000": clip}, ["00000"], reference) == expected
    finally:
        os.unlink(reference / FILE)
