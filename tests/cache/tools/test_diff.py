"""diff names every difference, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cache import CacheWriter, diff


def commit(path, recipe, fields, clips, **options):
    writer = CacheWriter.open(path, recipe, fields, **options)
    writer.commit(clips)
    return writer


def test_diff_names_every_difference_and_nothing_else(tmp_path, recipe, fields, make_clip) -> None:
    clips = [make_clip("a"), make_clip("b"), make_clip("c")]
    commit(tmp_path / "a", recipe, fields, clips)
    close = replace(clips[0], frames={**clips[0].frames, "vad": clips[0].frames["vad"] * np.float32(1.0001)})
    other = CacheWriter.open(tmp_path / "b", recipe, fields)
    other.commit([close])
    other.commit([replace(make_clip("b"), source="elsewhere/b.flac", rms_db=-30.0), make_clip("d")])
    lines = [str(line) for line in diff(tmp_path / "a", tmp_path / "b")]
    assert lines == [
        f"clip c: only in {tmp_path / 'a'}",
        f"clip d: only in {tmp_path / 'b'}",
        "clip b, clips/rms_db: relative L2 0.33",
    ]
    exact = [str(line) for line in diff(tmp_path / "a", tmp_path / "b", exact=True)]
    assert "clip a, frames/vad: the bits differ" in exact
    commit(tmp_path / "e", recipe | {"max_seconds": 3.0}, fields, [make_clip("a", 9)])
    lines = [str(line) for line in diff(tmp_path / "a", tmp_path / "e")]
    assert any("max_seconds" in line for line in lines)
    assert "clip a, frames/vad: float32(7, 3) and float32(9, 3)" in lines
