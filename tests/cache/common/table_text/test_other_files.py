"""A file that is no table is told by name, with the table that is expected; tables are let through."""

from __future__ import annotations

import pytest

from cache import read_table
from cache.common.errors import TableError
from cache.common.table_text.other_files import refuse_other_file

EAF = '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0">'
TEXTGRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\n'
RTTM = "SPEAKER meeting 1 0.50 1.25 <NA> <NA> anna <NA> <NA>\n"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.eaf", EAF.encode(), "an ELAN annotation"),
        ("a.xml", EAF.encode(), "an ELAN annotation"),
        ("a.TextGrid", TEXTGRID.encode("utf-16"), "a Praat TextGrid"),
        ("a.txt", TEXTGRID.encode(), "a Praat TextGrid"),
        ("a.rttm", RTTM.encode(), "an RTTM file"),
        ("a.txt", RTTM.encode(), "an RTTM file"),
        ("labels.txt", b"0.500000\t1.250000\thappy\n2.0\t3.0\tsad\n", "a label track of Audacity"),
        ("a.xlsx", b"PK\x03\x04rest", "a spreadsheet"),
        ("a.csv", b"\xd0\xcf\x11\xe0rest", "an old Excel"),
        ("a.parquet", b"PAR1rest", "a Parquet"),
        ("a.csv.gz", b"\x1f\x8brest", "a gzip"),
        ("a.json", b'[{"clip_id": "1"}]', "a JSON document"),
        ("a.json", b'\xef\xbb\xbf{\n "a": 1}', "a JSON document"),
        ("a.csv", b"<!DOCTYPE html><html>", "an XML or HTML document"),
    ],
)
def test_other_files_are_named_with_the_table_expected(tmp_path, name, data, kind) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        TableError, match=rf"{kind}.*, expected a table with one row per clip: clip_id and"
    ) as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"clip_id,Joy\n1,0.5\n"),
        ("a.csv", b"File_ID\n[1]\n"),
        ("a.csv", b"[x],Joy\n"),
        ("a.txt", b"[58712]\n00042\n"),
        ("a.txt", b"0.5\n"),
        ("a.jsonl", b'{"clip_id": "1"}\n'),
        ("a.csv", b"SPEAKER,Joy\n"),
    ],
)
def test_tables_are_let_through(tmp_path, name, data) -> None:
    refuse_other_file(tmp_path / name, data)
