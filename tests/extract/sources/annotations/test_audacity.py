"""Label tracks of Audacity: a label with a length is a segment."""

from __future__ import annotations

import os

import pytest

from cache.common.errors import TableError
from extract.sources.annotations.audacity import is_label_track, read_label_track
from extract.sources.annotations.segments import Segment


def test_labels_with_a_length_are_segments(tmp_path) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(
        b"0.500000\t1.750000\thello, there\r\n\\\t120.0\t3000.0\r\n2.000000\t2.000000\tpoint\r\n3\t4.5\t\r\n"
    )
    assert is_label_track(path)
    assert read_label_track(path) == [Segment("talk", "", 0.5, 1.75, 1), Segment("talk", "", 3.0, 4.5, 4)]


@pytest.mark.parametrize("text", ["00001\n00002\n", "clip_id\tpath\nx\ta.wav\n", "", "1.5\n", "1\tx\n"])
def test_lists_of_ids_and_tables_are_none(tmp_path, text) -> None:
    (tmp_path / "x.txt").write_text(text)
    assert not is_label_track(tmp_path / "x.txt")
    assert not is_label_track(tmp_path / "gone.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    assert not is_label_track(tmp_path / "pipe.txt")


@pytest.mark.parametrize("line", ["1,5\t2,5\tcomma", "one\ttwo", "1.5 2.5 blanks"])
def test_a_line_that_is_no_label_is_named(tmp_path, line) -> None:
    (tmp_path / "x.txt").write_text(f"0.5\t1.5\ta\n{line}\n")
    with pytest.raises(
        TableError, match=r"x\.txt, line 2: no label of Audacity; .*or a table with columns path"
    ):
        read_label_track(tmp_path / "x.txt")
