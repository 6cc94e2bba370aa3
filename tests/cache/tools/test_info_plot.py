"""The picture of a cache, of one clip as of many."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cache import CacheWriter
from cache.__main__ import app
from cache.common.errors import CacheError, StorageError
from cache.tools.info_plot import plot


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
