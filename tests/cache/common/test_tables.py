"""One id rule, and the tables of the field as people have them."""

from __future__ import annotations

import os

import pytest

from cache import read_table
from cache.common import tables
from cache.common.errors import TableError
from cache.common.tables import split_in_name, split_name


def write(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_tsv_jsonl_and_id_lists_are_read_as_text(tmp_path) -> None:
    csv = read_table(
        write(tmp_path / "a.csv", "\ufeffFilename,Joy,Empathic Pain\n00001, .5,0\n\n00002,1,0\n")
    )
    assert csv.columns == ("Filename", "Joy", "Empathic Pain")
    assert csv.ids() == ["00001", "00002"]
    assert csv.rows[0]["Joy"] == ".5"
    assert [csv.line(0), csv.line(1)] == [2, 4]
    assert read_table(write(tmp_path / "a.tsv", "File_ID\tSplit\n[1]\tTrain\n")).ids() == ["1"]
    jsonl = read_table(write(tmp_path / "a.jsonl", '{"clip_id": "007", "start": 1.50}\n{"clip_id": "8"}\n'))
    assert jsonl.rows == [{"clip_id": "007", "start": "1.50"}, {"clip_id": "8", "start": ""}]
    assert read_table(write(tmp_path / "a.txt", "00001\n\n00002\n")).ids() == ["00001", "00002"]


def test_known_columns_are_never_targets(tmp_path) -> None:
    table = read_table(
        write(tmp_path / "a.csv", "FileName,EmoAct,SpkrID,Gender,Split_Set,Age\na,1,2,3,4,5\n")
    )
    assert [column for column in table.columns if not table.is_known(column)] == ["EmoAct"]
    assert table.column_for("speaker") == "SpkrID"
    assert table.column_for("split") == "Split_Set"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("clip_id,Joy\n", "no rows"),
        ("clip_id,Joy\n1\n", "line 2: 1 values, the header has 2"),
        ("clip_id,clip_id\n1,2\n", "repeated"),
        ("clip_id,\n1,2\n", "empty column name"),
        ("name,Joy\n1,2\n", "no id column among name, Joy"),
        ("clip_id,Joy\n1,2\n1,3\n", "lines 2 and 3"),
        ("clip_id,Joy\n../1,2\n", "line 2, column clip_id"),
    ],
)
def test_a_bad_table_is_one_line_that_says_where(tmp_path, text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_table(write(tmp_path / "a.csv", text)).ids()


def test_missing_and_binary_tables_are_one_line(tmp_path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match="UTF-8"):
        read_table(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("text", "split"),
    [("Train", "train"), ("Val", "valid"), ("devel", "valid"), ("Test1", "test"), ("x", "x")],
)
def test_split_names(text: str, split: str) -> None:
    assert split_name(text) == split


def split_column(tmp_path, text: str, named: bool = False) -> str | None:
    return read_table(write(tmp_path / "a.csv", text)).split_column(split_is_named=named)


def test_folds_are_no_split(tmp_path) -> None:
    assert split_column(tmp_path, "clip_id,fold\na,0\nb,1\n") is None
    assert split_column(tmp_path, "clip_id,split\na,1\nb,2\n") is None
    assert split_column(tmp_path, "clip_id,fold\na,A\nb,B\n") is None
    assert split_column(tmp_path, "clip_id,fold\na,train\nb,dev\n") == "fold"
    assert split_column(tmp_path, "clip_id,fold\na,train\nb,dev\n", named=True) is None
    assert split_column(tmp_path, "clip_id,fold,Split\na,3,Train\nb,1,Val\n") == "Split"
    assert split_column(tmp_path, "clip_id,Split\na,Train\nb,Val\n", named=True) == "Split"
    assert split_column(tmp_path, "clip_id,split\na,trian\nb,\n") == "split"


@pytest.mark.parametrize(
    ("stem", "split"),
    [("train", "train"), ("Val", "valid"), ("test_split", "test"), ("valid_split", "valid"), ("talks", "")],
)
def test_a_split_is_known_by_the_name_of_its_file(stem, split) -> None:
    assert split_in_name(stem) == split


def test_lines_end_at_line_feeds_only(tmp_path) -> None:
    odd = "one\u2028two\x85three\x0bfour"
    csv = read_table(write(tmp_path / "a.csv", f'clip_id,text\r\n1,{odd}\r\n2,"two\r\nlines"\r\n3,x\r\n'))
    assert [row["text"] for row in csv.rows] == [odd, "two\r\nlines", "x"]
    assert csv.lines == (2, 4, 5)
    jsonl = read_table(
        write(tmp_path / "a.jsonl", '{"clip_id": "a", "text": "one\u2028two"}\n{"clip_id": "b"}\n')
    )
    assert [row["text"] for row in jsonl.rows] == ["one\u2028two", ""]
    (tmp_path / "mac.csv").write_bytes(b"clip_id,Joy\r1,0.5\r")
    assert read_table(tmp_path / "mac.csv").ids() == ["1"]


def test_a_json_line_is_bounded(tmp_path) -> None:
    with pytest.raises(TableError, match=r"a\.jsonl, line 2: nested more than"):
        read_table(write(tmp_path / "a.jsonl", '{"clip_id": 1}\n' + "[" * 100_000)).ids()
    with pytest.raises(TableError, match=r"line 1: expected an object, found a list"):
        read_table(write(tmp_path / "a.jsonl", "[1]\n"))


def test_decimal_commas_that_make_more_columns_are_named(tmp_path) -> None:
    with pytest.raises(TableError, match="5 values, the header has 3; decimal commas"):
        read_table(write(tmp_path / "a.csv", "clip_id,Joy,Awe\n1,0,5,0,25\n"))
    with pytest.raises(TableError, match=r"the header has 3$"):
        read_table(write(tmp_path / "a.csv", "clip_id,Joy,text\n1,0.5,well, then\n"))
    with pytest.raises(TableError, match=r"'1,5' is not a number \(a decimal comma"):
        read_table(write(tmp_path / "b.csv", "path;start\nx.wav;1,5\n")).segment(0)


def test_a_pipe_or_device_in_a_tables_place_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "labels.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.csv").mkdir()
    for name, found in (("labels", "a pipe"), ("zero", "a device"), ("folder", "a folder")):
        with pytest.raises(TableError, match=f"{name}.csv: cannot be read .found {found}, expected a file"):
            read_table(tmp_path / f"{name}.csv")


def test_a_pipe_of_the_shells_is_read(tmp_path) -> None:
    """As ``<(grep … labels.csv)`` makes one."""
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as file:
        file.write("clip_id,joy\na,0.5\n")
    try:
        assert read_table(f"/dev/fd/{ours}").ids() == ["a"]
    finally:
        os.close(ours)


def test_gigabytes_of_zeros_are_refused_before_they_are_read(tmp_path) -> None:
    (tmp_path / "t.csv").touch()
    for size, why in ((tables.MAX_BYTES, "begins with 4096 zero bytes"), (1 << 40, "more than 1024 MB")):
        os.truncate(tmp_path / "t.csv", size)
        with pytest.raises(TableError, match=rf"cannot be read .{why}"):
            read_table(tmp_path / "t.csv")


def test_a_table_of_too_many_bytes_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tables, "MAX_BYTES", 10)
    (tmp_path / "t.csv").write_text("clip_id\nabc\ndef\n")
    with pytest.raises(TableError, match=r"cannot be read .more than 0 MB"):
        read_table(tmp_path / "t.csv")
