"""What emi-cache info says of a cache."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache import CacheWriter
from cache.__main__ import app
from cache.tools.info import info, info_text

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(
    ("max_seconds", "line"),
    [
        (12.0, "  1 silent, 2 cut at 12 s, 1 windowed"),
        (0.0, "  1 silent, 2 cut, 1 windowed"),
        (None, "  1 silent, 2 cut, 1 windowed"),
    ],
)
def test_counts_come_before_what_they_count(tmp_path, make_clip, recipe, fields, max_seconds, line) -> None:
    said = {} if max_seconds is None else {"max_seconds": max_seconds}
    writer = CacheWriter.open(tmp_path / "c", {**recipe, **said}, fields)
    clips = [
        replace(make_clip("a"), cut=True),
        replace(make_clip("b"), cut=True, windowed=True),
        replace(make_clip("c"), rms_db=-120.0),
    ]
    (plan,) = writer.plan({clip.clip_id: 7 for clip in clips})
    writer.commit(clips, plan)
    description = info(tmp_path / "c")
    assert (description["silent"], description["cut"], description["windowed"]) == (1, 2, 1)
    assert line in info_text(description).splitlines()


def test_caches_from_before_windows_were_marked_hold_none() -> None:
    description = info(GOLDEN / "hdf5")
    assert description["windowed"] == 0
    assert ", 0 windowed\n" in info_text(description)


@pytest.fixture
def path(tmp_path, make_cache):
    make_cache(tmp_path / "c")
    return tmp_path / "c"


def test_info_counts_clips_frames_hours_and_coverage(path, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip_id,split,Joy\n0/00000,train,.1\n1/00002,Val,.2\nzzz,dev,.3\n")
    result = CliRunner().invoke(app, ["info", str(path), "--labels", str(labels), "--json"])
    described = json.loads(result.stdout)
    assert described["clips"] == 6
    assert described["frames"] == 4 + 5 + 6 + 5 + 6 + 7
    assert described["coverage"] == {
        "train": {"cached": 1, "missing": 0},
        "valid": {"cached": 1, "missing": 1},
    }
    assert "6 clips" in CliRunner().invoke(app, ["info", str(path)]).stdout
