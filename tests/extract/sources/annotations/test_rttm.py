"""RTTM: one SPEAKER line is one segment."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from extract.sources.annotations.rttm import read_rttm
from extract.sources.annotations.segments import Segment

MONO = """;; made by hand
SPKR-INFO talk 1 <NA> <NA> <NA> unknown anna <NA>
SPEAKER talk 1 0.50 1.25 <NA> <NA> anna <NA> <NA>

NON-SPEECH talk 1 1.75 0.25 <NA> noise <NA> <NA>
SPEAKER\tother 1 2 .5 <NA> <NA> <NA> 0.9
"""


def test_speaker_lines_are_segments(tmp_path) -> None:
    (tmp_path / "x.rttm").write_text(MONO)
    assert read_rttm(tmp_path / "x.rttm") == [
        Segment("talk", "anna", 0.5, 1.75, 3),
        Segment("other", "", 2.0, 2.5, 6),
    ]


def test_channels_count_where_there_are_several(tmp_path) -> None:
    rows = [f"SPEAKER call {channel} 0 1 <NA> <NA> s{channel} <NA>" for channel in (1, 2)]
    (tmp_path / "x.rttm").write_text("\n".join(rows))
    assert [segment.channel for segment in read_rttm(tmp_path / "x.rttm")] == [0, 1]


@pytest.mark.parametrize(
    "line", ["talk 1 0 1", "SPEAKER talk 1 0 1", "SPEAKER talk one 0 1 <NA> <NA> a",
             "SPEAKER talk 0 0 1 <NA> <NA> a", "SPEAKER talk 1 0,5 1 <NA> <NA> a", "0.0\t1.0\thello"]
)  # fmt: skip
def test_what_is_no_line_of_it_is_named(tmp_path, line) -> None:
    (tmp_path / "x.rttm").write_text(f"SPEAKER a 1 0 1 <NA> <NA> b\n{line}\n")
    with pytest.raises(TableError, match=r"x\.rttm, line 2: no line of RTTM .*expected that, or a table"):
        read_rttm(tmp_path / "x.rttm")
