"""Lines become rows of text by column, whatever kind of table they are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import TableError
from cache.common.table_text import rows as module
from cache.common.table_text.rows import Rows, rows_of


def of(name: str, text: str) -> Rows:
    return rows_of(Path(name), text.splitlines(keepends=True), lambda column: column == "path")


def test_the_three_kinds() -> None:
    expected = Rows(("clip_id", "Joy"), [{"clip_id": "1", "Joy": ".5"}], (2,))
    assert of("a.csv", "clip_id,Joy\n1, .5\n") == expected
    assert of("a.tsv", "clip_id\tJoy\n1\t.5\n") == expected
    assert of("a.jsonl", '\n{"clip_id": 1, "Joy": ".5"}\n') == expected
    assert of("a.lst", "\n00001 \n") == Rows(("clip_id",), [{"clip_id": "00001"}], (2,))


def test_blanks_belong_to_the_names_of_files_only() -> None:
    assert of("a.csv", "clip_id,path\n x , a b.wav \n").rows == [{"clip_id": "x", "path": " a b.wav "}]


def test_an_apostrophe_before_a_formula_is_no_part_of_the_text() -> None:
    table = of("a.csv", "clip_id,'=x,path\n'-c1,'quoted',y\n")
    assert table == Rows(("clip_id", "=x", "path"), [{"clip_id": "-c1", "=x": "'quoted'", "path": "y"}], (2,))


@pytest.mark.parametrize("letter", ["\x1b[31m", "\x9b", "\u202e", "\u2066"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_header_moves_no_terminal(name, letter) -> None:
    text = f"clip_id,J{letter}oy\n1,1\n" if name == "a.csv" else f'{{"J{letter}oy": 1}}\n'
    if name == "a.jsonl":
        text = text.replace("\x1b", "\\u001b")
    with pytest.raises(
        TableError, match=r"line 1: column name 'J.*oy' holds control characters; rename it"
    ) as error:
        of(name, text)
    assert letter not in str(error.value)


def test_a_line_break_in_a_header_is_a_blank() -> None:
    lines = ['clip_id,"Empathic\r\n', 'Pain"\r\n', "1,0.5\r\n"]
    assert rows_of(Path("a.csv"), lines, lambda _: False).columns == ("clip_id", "Empathic Pain")


@pytest.mark.parametrize("row", ['2,"well', '"2,well', '2,a "quoted" word'])
def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(row) -> None:
    text = f'clip_id,text\n1,"two\nlines"\n{row}\n3,x\n4,y\n'
    if row.endswith("word"):
        assert len(of("a.csv", text).rows) == 4
        return
    with pytest.raises(
        TableError, match=r"a\.csv, line 4: a quotation mark is opened and never closed|header has 2"
    ):
        of("a.csv", text)


def test_a_quotation_mark_between_semicolons_is_seen_too() -> None:
    with pytest.raises(TableError, match="line 2: a quotation mark is opened and never closed"):
        of("a.csv", 'clip_id;text\n1;"well\n2;x\n')


def test_a_last_row_of_several_lines_is_one() -> None:
    assert of("a.csv", 'clip_id,text\n1,"two\nlines"\n').rows == [{"clip_id": "1", "text": "two\nlines"}]


def test_lines_that_each_name_other_columns_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 5)
    assert len(of("a.jsonl", '{"a": 1}\n{"b": 1}\n').rows) == 2
    with pytest.raises(TableError, match="its 3 lines name 3 columns; expected the same in all"):
        of("a.jsonl", '{"a": 1}\n{"b": 1}\n{"c": 1}\n')


def test_a_cell_may_be_longer_than_csv_takes_by_itself() -> None:
    assert of("a.csv", f"clip_id,text\n1,{'x' * 200_000}\n").rows[0]["text"] == "x" * 200_000
