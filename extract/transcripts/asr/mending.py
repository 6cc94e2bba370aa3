"""The table made of what was heard and what people changed in it: what somebody mended stays."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.common.ids import without_zeros
from cache.common.tables import Table, read_table
from cache.common.words import counted
from extract.errors import SourceError
from extract.transcripts.asr.parts import Row
from extract.transcripts.table import (
    COLUMNS,
    WORD_COLUMNS,
    read_recipe,
    recipe_path,
    text_column,
    words_path,
    write_rows,
)


@dataclass(frozen=True)
class Existing:
    """A table of transcripts as it is now.

    Attributes:
        columns: of the table, those that somebody added too.
        rows: clip id → its row.
        words: clip id → rows of the table of words.
    """

    columns: tuple[str, ...]
    rows: Mapping[str, dict[str, str]]
    words: Mapping[str, list[dict[str, str]]]


def read_existing(path: Path) -> Existing:
    """Read the table of an earlier run, with whatever was mended in it; nothing where there is none.

    Raises:
        SourceError: a file of that name is there, and no table of transcripts that this command made.
        TableError: it cannot be read as a table.
    """
    if not path.exists():
        return Existing(COLUMNS, {}, {})
    if read_recipe(path) is None:
        raise SourceError(
            f"{path}: exists, without {recipe_path(path).name} beside it, so emi-extract transcribe did not make "
            "it; give another --out"
        )
    if not _has_rows(path):
        return Existing(COLUMNS, {}, {})  # a header: every clip failed
    table = read_table(path)
    for column, found in (("text", text_column(table)), ("clip_id", table.id_column)):
        if column not in table.columns:
            raise SourceError(f"{path}: no column {column!r} in it any more; expected {', '.join(COLUMNS)}")
        if found != column:
            raise SourceError(f"{path}: column {found!r} would count as {column!r}; rename or remove it")
    return Existing(table.columns, dict(zip(table.ids(), table.rows, strict=True)), _words(words_path(path)))


def _words(path: Path) -> dict[str, list[dict[str, str]]]:
    words: dict[str, list[dict[str, str]]] = {}
    if path.exists() and _has_rows(path):
        table: Table = read_table(path)
        for row in table.rows:
            words.setdefault(row.get("clip_id", ""), []).append(row)
    return words


def _has_rows(path: Path) -> bool:
    """Say whether a table has more than a header."""
    return len(path.read_bytes().removeprefix(codecs.BOM_UTF8).strip().splitlines()) > 1


def refuse_lost_zeros(path: Path, table: Existing, heard: Collection[str]) -> None:
    """Refuse a table in which ids are numbers now: what was mended would stay with clips that nobody knows.

    Raises:
        SourceError: it names one of them.
    """
    absent = {without_zeros(clip_id): clip_id for clip_id in heard if clip_id not in table.rows}
    lost = [clip_id for clip_id in table.rows if clip_id not in heard and clip_id in absent]
    if lost:
        raise SourceError(
            f"{path}: {counted(len(lost), 'id')} lost leading zeros, as in a spreadsheet: found {lost[0]}, "
            f"expected {absent[lost[0]]}; give them back, with the column's cells as text"
        )


def is_mended(row: Mapping[str, str], heard: Sequence[Row]) -> bool:
    """Say whether somebody changed a clip's text: it is none that was ever heard of the clip."""
    return bool(heard) and row.get("text", "") not in {each.text for each in heard}


def publish(path: Path, heard: Mapping[str, Sequence[Row]]) -> tuple[int, int]:
    """Write the table and that of words, from what was heard and what the table says now.

    A mended row stays as it is, with all its cells; others take the latest that was heard. Columns and rows
    that somebody added stay; a row that was removed comes back.

    Returns:
        How many rows the table has, and how many of them are mended.

    Raises:
        SourceError: ids have lost their leading zeros.
    """
    now = read_existing(path)
    refuse_lost_zeros(path, now, heard)
    rows: list[dict[str, Any]] = []
    words: list[Mapping[str, Any]] = []
    mended = 0
    for clip_id in sorted({*now.rows, *heard}):
        before, some = now.rows.get(clip_id), heard.get(clip_id, ())
        keeps = before is not None and (not some or is_mended(before, some))
        mended += keeps and bool(some)
        rows.append({**(before or {}), **({} if keeps else _cells(some[-1]))})
        words += _word_rows(some[-1]) if some else now.words.get(clip_id, [])
    added = [column for column in now.columns if column not in COLUMNS]
    write_rows(words_path(path), WORD_COLUMNS, words)
    write_rows(path, [*COLUMNS, *added], rows)
    return len(rows), mended


def _cells(row: Row) -> dict[str, Any]:
    return {
        "clip_id": row.clip_id, "text": row.text, "language": row.language, "no_speech": row.no_speech,
        "duration": round(row.duration, 3), "note": row.note,
    }  # fmt: skip


def _word_rows(row: Row) -> list[dict[str, Any]]:
    return [
        dict(zip(WORD_COLUMNS, (row.clip_id, start, end, word, sure), strict=True))
        for word, start, end, sure in row.words
    ]
