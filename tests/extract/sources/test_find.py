"""A source is a folder, a table, or several of them; what is none is one line."""

from __future__ import annotations

import pytest

from extract.errors import SourceError
from extract.sources.find import find_all, find_clips


def test_missing_and_empty_sources_are_one_line(touch, tmp_path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(
        SourceError, match=r"no audio or video files \(1 file is no media: 1 \.txt \(a\.txt\)\)"
    ):
        find_clips(touch("a.txt"))
    with pytest.raises(SourceError, match="single clip"):
        find_clips(touch("a.wav") / "a.wav")


def test_a_clip_that_stands_in_two_tables_names_both(touch, tmp_path) -> None:
    touch("1.wav", "2.wav", "3.wav")
    for name, rows in (("train", "1\n2\n"), ("valid", "2\n3\n")):
        (tmp_path / f"{name}.csv").write_text("clip_id\n" + rows)
    tables = [tmp_path / "train.csv", tmp_path / "valid.csv"]
    with pytest.raises(SourceError, match=r"clip id 2 stands in .*train\.csv and in .*valid\.csv"):
        find_all(tables, [tmp_path])
    (tmp_path / "valid.csv").write_text("clip_id\n3\ngone\n")
    source = find_all(tables, [tmp_path])
    assert [clip.clip_id for clip in source.clips] == ["1", "2", "3"]
    assert [failure.clip_id for failure in source.failures] == ["gone"]
    assert source.splits == {"1": "train", "2": "train", "3": "valid", "gone": "valid"}
