"""Tables of transcripts: what a spreadsheet does to them, words beside them, and one line for each fault."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from extract.errors import SourceError
from extract.transcripts.table import (
    COLUMNS,
    WORD_COLUMNS,
    read_recipe,
    read_transcripts,
    recipe_path,
    text_column,
    words_path,
    write_rows,
)
from extract.transcripts.transcript import Word


def test_what_is_written_is_read(tmp_path) -> None:
    path = tmp_path / "t.csv"
    texts = {"a": "=SUM(1) said he", "b": 'two\nlines, "quoted"', "c": "😀 שלום", "00042": "-7"}
    rows = [{"clip_id": clip_id, "text": text, "duration": 1.5} for clip_id, text in texts.items()]
    write_rows(path, COLUMNS, rows)
    write_rows(
        words_path(path), WORD_COLUMNS, [dict(zip(WORD_COLUMNS, ("a", 0.1, 0.2, "=SUM(1)", 1), strict=True))]
    )
    found = read_transcripts(path)
    assert {one.clip_id: one.text for one in found} == texts
    assert found[0].words == (Word("=SUM(1)", 0.1, 0.2),)
    assert (found[0].duration, found[0].shown) == (1.5, "t.csv")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_marks_line_ends_and_separators_of_spreadsheets(tmp_path, ending, separator) -> None:
    path = tmp_path / "t.csv"
    lines = [separator.join(row) for row in (("Filename", "Transcript"), ("x.wav", "hi"), ("y", ""))]
    path.write_bytes(b"\xef\xbb\xbf" + ending.join(lines).encode())
    assert [(one.clip_id, one.text) for one in read_transcripts(path)] == [("x", "hi"), ("y", "")]


def test_decimal_commas(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("clip_id;text;duration\na;hi;1,25\n")
    assert read_transcripts(path)[0].duration == 1.25


def test_what_is_there_already_is_not_written_again(tmp_path) -> None:
    path = tmp_path / "t.csv"
    write_rows(path, COLUMNS, [{"clip_id": "a"}])
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write_rows(path, COLUMNS, [{"clip_id": "a"}])
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("clip_id,words\na,hi\n", "no column with what was said"),
        ("clip_id,text\na,hi\na,ho\n", "lines 2 and 3"),
        ("clip_id,text,duration\na,hi,long\n", "expected seconds"),
        ("clip_id,text,duration\na,hi,-1\n", "expected seconds"),
    ],
)
def test_a_faulty_table_is_one_line(tmp_path, content, said) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises((SourceError, TableError), match=said):
        read_transcripts(path)


def test_a_faulty_table_of_words_is_one_line(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("clip_id,text\na,hi\n")
    words_path(path).write_text("clip_id,word\na,hi\n")
    with pytest.raises(TableError, match="no column start, end"):
        read_transcripts(path)


def test_how_a_table_was_made(tmp_path) -> None:
    path = tmp_path / "t.csv"
    assert read_recipe(path) is None
    recipe_path(path).write_text('{"model": "x"}')
    assert read_recipe(path) == {"model": "x"}
    recipe_path(path).write_text("[")
    with pytest.raises(SourceError, match=r"t\.recipe\.json"):
        read_recipe(path)


def test_the_column_of_text_has_several_names(tmp_path) -> None:
    from cache.common.tables import read_table

    path = tmp_path / "t.csv"
    path.write_text("clip_id,Sentence\na,hi\n")
    assert text_column(read_table(path)) == "Sentence"


def test_hours_of_speech_in_one_cell_can_be_read_again(tmp_path) -> None:
    text = "word " * 400_000
    write_rows(tmp_path / "t.csv", COLUMNS, [{"clip_id": "a", "text": text.strip()}])
    assert read_transcripts(tmp_path / "t.csv")[0].text == text.strip()
