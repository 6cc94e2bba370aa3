"""Segments become the table that a manifest would have."""

from __future__ import annotations

import os

import pytest

from cache.common import gate
from cache.common.errors import TableError
from extract.sources.annotations.segments import Segment, decoded, read_annotation, table_of


def test_segments_are_a_table_whose_clips_are_named_by_them(tmp_path) -> None:
    table = table_of(
        tmp_path / "x",
        [Segment("c7.wav", "anna", 12.5, 17.25, 3), Segment("talk.3gp", "", 0.0, 1.0, 4)],
    )
    assert table.ids() == ["c7/anna/12.500-17.250", "talk/0.000-1.000"]
    assert (table.columns, table.lines) == (("conversation_id", "speaker", "start", "end"), (3, 4))


def test_a_channel_is_a_part_of_the_id_where_one_is_chosen(tmp_path) -> None:
    table = table_of(tmp_path / "x", [Segment("a", "b", 0.0, 1.0, 1, 0), Segment("a", "b", 0.0, 1.0, 2, 1)])
    assert table.ids() == ["a/b/channel0/0.000-1.000", "a/b/channel1/0.000-1.000"]


def test_what_cannot_be_read_is_one_line(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "gone", "cannot be read"),
        (tmp_path / "pipe", "found a pipe, expected"),
    ):
        with pytest.raises(TableError, match=message):
            read_annotation(path)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", gate.MAX_BYTES + 1)
    with pytest.raises(TableError, match="more than 64 MB"):
        read_annotation(tmp_path / "large")
    with pytest.raises(TableError, match=r"no segments .*expected a table with columns path,start,end"):
        table_of(tmp_path / "x", [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_utf8_or_utf16(tmp_path, encoding) -> None:
    assert decoded(tmp_path, "ü\n".encode(encoding)) == "ü\n"
    with pytest.raises(TableError, match=r"not UTF-8 or UTF-16 \(byte 0\)"):
        decoded(tmp_path, b"\xfc\n")
