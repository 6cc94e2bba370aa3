"""A table that people change: what somebody mended stays, all else is the latest that was heard."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from extract.errors import SourceError
from extract.transcripts.asr.mending import is_mended, publish, read_existing
from extract.transcripts.asr.parts import Row
from extract.transcripts.table import recipe_path, words_path

ROW = Row("a", "hi", "en", 0.25, 0.5, "", (("hi", 0.0, 0.2, 0.9),), "0" * 64, "a.wav", ())
HEARD = {"a": [ROW], "b": [replace(ROW, clip_id="b", text="ho")]}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    recipe_path(path).write_text("{}")
    assert publish(path, HEARD) == (2, 0)
    return path


def rows(path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["clip_id"]: row for row in csv.DictReader(file)}


def test_a_mended_row_stays_with_all_its_cells(table) -> None:
    table.write_text(table.read_text(encoding="utf-8-sig").replace("hi", "high"), encoding="utf-8")
    again = {**HEARD, "a": [ROW, replace(ROW, text="hey", generation=1)]}
    assert publish(table, again) == (2, 1)
    assert [row["text"] for row in rows(table).values()] == ["high", "ho"]


def test_a_row_that_nobody_mended_is_the_latest(table) -> None:
    publish(table, {**HEARD, "a": [ROW, replace(ROW, text="hey", generation=1)]})
    assert rows(table)["a"]["text"] == "hey"
    assert is_mended({"text": "x"}, [ROW])
    assert not is_mended({"text": "hi"}, [ROW, replace(ROW, text="hey")])


def test_columns_and_rows_of_people_stay(table) -> None:
    content = table.read_text(encoding="utf-8-sig").splitlines()
    content = [line + more for line, more in zip(content, (",checked", ",yes", ",no"), strict=True)]
    table.write_text("\r\n".join([*content, "c,by hand,,,,,yes"]))
    assert publish(table, HEARD) == (3, 0)
    assert [row["checked"] for row in rows(table).values()] == ["yes", "no", "yes"]
    assert rows(table)["c"]["text"] == "by hand"


def test_a_row_that_was_removed_comes_back(table) -> None:
    table.write_text("\n".join(table.read_text(encoding="utf-8-sig").splitlines()[:2]))
    publish(table, HEARD)
    assert list(rows(table)) == ["a", "b"]


def test_words_of_a_table_without_its_parts_stay(table) -> None:
    before = words_path(table).read_bytes()
    assert publish(table, {}) == (2, 0)
    assert words_path(table).read_bytes() == before


def test_a_file_of_somebody_else_is_never_overwritten(tmp_path) -> None:
    (tmp_path / "t.csv").write_text("clip_id,text\na,hi\n")
    with pytest.raises(SourceError, match="did not make it"):
        read_existing(tmp_path / "t.csv")
    recipe_path(tmp_path / "t.csv").write_text("{}")
    (tmp_path / "t.csv").write_text("clip_id,words\na,hi\n")
    with pytest.raises(SourceError, match="no column 'text'"):
        read_existing(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["Filename", "Clip_ID"])
def test_a_table_without_its_column_of_ids_is_refused_and_stays(table, name) -> None:
    mended = table.read_text(encoding="utf-8-sig").replace("clip_id", name).replace("hi", "high")
    table.write_text(mended)
    with pytest.raises(SourceError, match="no column 'clip_id' in it any more"):
        publish(table, HEARD)
    assert table.read_text() == mended


def test_a_second_column_of_ids_is_refused(table) -> None:
    table.write_text("id,clip_id,text\n1,a,hi\n2,b,high\n")
    with pytest.raises(SourceError, match="column 'id' would count as 'clip_id'"):
        publish(table, HEARD)


@pytest.mark.parametrize("lead", [f"clip_id,text,{'x' * 5000}\n", f"{' ' * 5000}\nclip_id,text,more\n"])
def test_mended_rows_far_from_the_beginning_stay(table, lead) -> None:
    table.write_text(f"{lead}a,high,\n")
    assert publish(table, HEARD) == (2, 1)
    assert rows(table)["a"]["text"] == "high"


def test_a_cell_with_a_carriage_return_can_be_read_again(table) -> None:
    table.write_bytes(b'clip_id,text\na,"hi\rho"\n')
    for _ in range(2):
        assert publish(table, HEARD) == (2, 1)
    assert read_existing(table).rows["a"]["text"] == "hi\rho"


def test_a_table_whose_ids_lost_their_zeros_is_refused_and_stays(table) -> None:
    heard = {"sub/007": [replace(ROW, clip_id="sub/007")], "10": [replace(ROW, clip_id="10")]}
    table.write_text("clip_id,text\nsub/7,mended\n10,hi\n")
    with pytest.raises(SourceError, match=r"1 id lost leading zeros, .*: found sub/7, expected sub/007"):
        publish(table, heard)
    assert "mended" in table.read_text()
    table.write_text("clip_id,text\nsub/007,mended\nsub/7,another\n10,hi\n")
    assert publish(table, heard) == (3, 1)  # it has both: they are two clips
