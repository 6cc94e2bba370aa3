"""Columns that number the rows are no labels, and a column that was meant as labels is never lost in silence."""

from __future__ import annotations

import pytest

from cache import read_table
from cache.common.errors import TableError
from cache.common.table_text import label_columns as module
from cache.common.table_text.label_columns import LabelColumns, is_numbering, label_columns


def columns_of(tmp_path, text: str, rows=None) -> LabelColumns:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    table = read_table(path)
    return label_columns(table, range(len(table.rows)) if rows is None else rows)


def column(tmp_path, header: str, values: list[object], ids=None) -> LabelColumns:
    ids = ids or [f"c{'bdaec'[at % 5]}{at}" for at in range(len(values))]
    rows = [
        f"{clip},{value},{(at * 7) % 5}" for at, (clip, value) in enumerate(zip(ids, values, strict=True))
    ]
    return columns_of(tmp_path, "\n".join([f"clip_id,{header},Joy", *rows]))


@pytest.mark.parametrize(
    "header",
    [
        "Unnamed: 0",
        "Unnamed: 0.1",
        "unnamed:_1",
        "Unnamed: 0_level_0",
        "index",
        "Index",
        "level_0",
        "row_id",
        "#",
    ],
)
def test_known_names_of_an_index_are_no_labels(tmp_path, header) -> None:
    found = column(tmp_path, header, [5, 3, 99, 4])
    assert found == LabelColumns(("Joy",), (), (header,))


@pytest.mark.parametrize(
    "values",
    [[0, 1, 2], [1, 2, 3, 4], ["0.0", "1.0", "2.0"], range(8072, 8082)],
)
def test_columns_that_count_are_no_labels(tmp_path, values) -> None:
    assert column(tmp_path, "what", list(values)).numbering == ("what",)


@pytest.mark.parametrize("values", [[0, 1], [3, 4, 5], [0, 1, 2, 4], [0.5, 1.5, 2.5], [2, 1, 0], [-1, 0, 1]])
def test_other_numbers_are_labels(tmp_path, values) -> None:
    assert column(tmp_path, "Awe", values).targets == ("Awe", "Joy")


def test_the_index_of_a_split_counts_in_the_whole_table_or_in_the_split(tmp_path) -> None:
    text = "clip_id,a,b,Joy\nq,0,7,1\nw,1,0,0\ne,2,8,1\nr,3,1,0\nt,4,9,1\nz,5,2,0\n"
    assert columns_of(tmp_path, text, [1, 3, 5]) == LabelColumns(("Joy",), (), ("a", "b"))


@pytest.mark.parametrize(
    ("ids", "values"),
    [
        (["00042", "00007", "00011"], [42, 7, 11]),
        (["[42]", "[7]", "[11]"], ["42", "7", "11"]),
        (["a/00042.mp4", "a/00007.mp4", "b/00011.mp4"], [42, 7, 11]),
    ],
)
def test_columns_that_repeat_the_id_are_no_labels(tmp_path, ids, values) -> None:
    assert column(tmp_path, "number", values, ids).numbering == ("number",)
    assert column(tmp_path, "number", [*values[:2], 12], ids).targets == ("number", "Joy")


def test_the_index_that_pandas_leaves_without_a_name(tmp_path) -> None:
    found = columns_of(tmp_path, ",Filename,Joy\n4,a,0.5\n2,b,0.25\n")
    assert found == LabelColumns(("Joy",), (), ("Unnamed: 0",))


@pytest.mark.parametrize(
    ("value", "why"),
    [('"0,8"', "decimal comma"), ("80%", "percent"), ("\u22120.8", "dash"), ("4/5", "fraction")],
)
def test_one_odd_column_among_good_ones_is_refused_by_name(tmp_path, value, why) -> None:
    text = f"clip_id,Joy,Awe,mood\n1,0.5,{value},x\n2,0.25,{value},y\n3,0.1,0,z\n"
    with pytest.raises(TableError, match=rf"t\.csv, line 2, column Awe: found .*{why}"):
        columns_of(tmp_path, text)


def test_whole_numbers_between_decimal_commas_are_meant_as_numbers_too(tmp_path) -> None:
    with pytest.raises(TableError, match=r"line 4, column Awe: found '0,5', a decimal comma"):
        columns_of(tmp_path, "clip_id;Awe\nq;1\nw;0\ne;0,5\nr;0,25\n")


def test_text_is_no_label(tmp_path) -> None:
    assert columns_of(tmp_path, "clip_id,Joy,note\n1,0.5,half 1/2\n2,0.25,\n3,1,\n").text == ("note",)


def test_absurdly_many_labels_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_TARGETS", 3)
    with pytest.raises(TableError, match=r"4 columns of numbers, expected at most 3 labels; .*--targets"):
        columns_of(tmp_path, "clip_id,a,b,c,d\nx,1,0,1,1\n")


def test_an_index_is_one_for_the_probe_of_compact_too(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Unnamed: 0,clip_id,Joy\n3,a,1\n1,b,0\n", encoding="utf-8")
    table = read_table(path)
    assert [name for name in table.columns if is_numbering(table, range(2), name)] == ["Unnamed: 0"]
