"""The picture of a cache, of one clip as of many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, CacheWriter
from cache.__main__ import app
from cache.common.errors import CacheError, StorageError
from cache.tools.info_plot import panels_of, plot

OTHERS = ["loudness, every clip is silent", "frames", "VAD"]


def test_a_picture_of_one_clip_and_of_one_long_clip_among_short_ones(
    tmp_path, make_clip, recipe, fields
) -> None:
    for name, lengths in (("one", [7]), ("long", [7, 8, 9, 2000])):
        writer = CacheWriter.open(tmp_path / name, recipe, fields)
        writer.commit([make_clip(f"{number}", frames) for number, frames in enumerate(lengths)])
        plot(tmp_path / name, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_is_a_png(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=4, clips=8)
    plot(tmp_path / "c", tmp_path / "clips.png")
    assert (tmp_path / "clips.png").read_bytes().startswith(b"\x89PNG")
    again = CliRunner().invoke(app, ["info", str(tmp_path / "c"), "--plot", str(tmp_path / "p.png")])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "p.png").exists()
    (tmp_path / "c" / "shards").rename(tmp_path / "gone")
    (tmp_path / "c" / "shards").mkdir()
    with pytest.raises(CacheError, match="no clip"):
        plot(tmp_path / "c", tmp_path / "none.png")


def without_panel(cache):
    with CacheReader(cache) as reader:
        panels, said = panels_of(reader)
    return [panel.name for panel in panels], said


def test_what_is_absent_or_alike_has_no_panel_and_is_said(tmp_path, make_clip, recipe, fields) -> None:
    clips = [make_clip(f"{number}", 7 + number) for number in range(4)]
    loud = [replace(clip, rms_db=-20.0 - number) for number, clip in enumerate(clips)]

    def cache(name, clips, fields=fields):
        CacheWriter.open(tmp_path / name, recipe, fields).commit(clips)
        return tmp_path / name

    assert without_panel(cache("all", loud)) == (["durations", *OTHERS], [])
    same = [replace(clip, rms_db=-20.0) for clip in clips]
    names, said = without_panel(cache("loudness", same))
    assert "loudness" not in " ".join(names)
    assert said == ["-20.0 dB each"]
    silent = [replace(clip, rms_db=-np.inf) for clip in clips]
    assert without_panel(cache("silent", silent))[1] == ["no loudness, every clip is silent"]
    bare = [
        replace(
            clip,
            frames={n: v for n, v in clip.frames.items() if n != "vad"},
            global_mean={n: v for n, v in clip.global_mean.items() if n != "vad"},
            clip={n: v for n, v in clip.clip.items() if n != "vad"},
        )
        for clip in loud
    ]
    names, said = without_panel(cache("bare", bare, [each for each in fields if each.name != "vad"]))
    assert "VAD" not in names
    assert said == ["no VAD in this cache"]
    plot(tmp_path / "bare", tmp_path / "three.png")
    one = without_panel(cache("one", loud[:1]))
    assert one[0] == []
    assert "7 frames each" in one[1][0]
    plot(tmp_path / "one", tmp_path / "none.png")  # words alone
    assert (tmp_path / "none.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_somebody_else_is_no_place_for_the_picture(tmp_path, make_cache) -> None:
    make_cache(tmp_path / "c", shards=1, clips=4)
    (tmp_path / "thesis.png").write_bytes(b"years of work")
    command = ["info", str(tmp_path / "c"), "--plot", str(tmp_path / "thesis.png")]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, StorageError)
    assert "replace it with --overwrite" in str(refused.exception)
    assert (tmp_path / "thesis.png").read_bytes() == b"years of work"
    for _ in range(2):  # the same picture again is no other file
        assert CliRunner().invoke(app, [*command, "--overwrite"]).exit_code == 0
    assert CliRunner().invoke(app, command).exit_code == 0
