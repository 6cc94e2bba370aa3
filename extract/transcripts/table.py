"""The table of transcripts that people read and mend, and beside it the table of words with their times."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.common import durable
from cache.common.errors import TableError
from cache.common.foreign_json import ForeignJsonError, read_json_file
from cache.common.table_text.cells import safe_cell
from cache.common.tables import Table, read_table
from cache.format.recipe import Recipe
from extract.errors import SourceError
from extract.transcripts.transcript import Transcript, Word

COLUMNS = ("clip_id", "text", "language", "no_speech", "duration", "note")
WORD_COLUMNS = ("clip_id", "start", "end", "word", "probability")
WORDS = ".words.csv"
RECIPE = ".recipe.json"
UNKNOWN = "not known: taken as they are"  # how transcripts were made that others made
TEXT_NAMES = ("text", "transcript", "transcription", "sentence", "utterance")


def words_path(table: Path) -> Path:
    """Return where a table's words lie: ``transcripts.words.csv`` beside ``transcripts.csv``."""
    return table.with_name(table.stem + WORDS)


def recipe_path(table: Path) -> Path:
    """Return where it is said how the transcripts of a table were made."""
    return table.with_name(table.stem + RECIPE)


def read_recipe(table: Path) -> dict[str, Any] | None:
    """Return how the transcripts of a table were made; None where nobody says.

    Raises:
        SourceError: the file that says so cannot be read.
    """
    path = recipe_path(table)
    if not path.exists():
        return None
    try:
        recipe: dict[str, Any] = read_json_file(path)
    except (OSError, ForeignJsonError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); remove it if it is none of yours") from None
    return recipe


def require_same_recipe(table: Path, recipe: Mapping[str, Any]) -> None:
    """Raise RecipeMismatchError unless the transcripts of a table were made in the same way."""
    way_out = (
        f"Choose another --out, or the options the table was made with ({recipe_path(table)} shows them)"
    )
    Recipe(read_recipe(table) or {}).require_same_values(recipe, str(table), way_out)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV that spreadsheets open as it is, durably, and only where it says something new."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        cells = [safe_cell(row.get(column, "")) for column in columns]
        has_return = any("\r" in cell for cell in cells if isinstance(cell, str))  # csv quotes \n alone
        (quoting if has_return else writer).writerow(cells)
    data = text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8
    if not (path.is_file() and path.read_bytes() == data):
        durable.replace_file(path, data)


def text_column(table: Table) -> str | None:
    """Return the column that holds what was said, if there is one."""
    by_name = {column.lower().replace("_", ""): column for column in table.columns}
    return next((by_name[name] for name in TEXT_NAMES if name in by_name), None)


def read_words(path: Path) -> dict[str, tuple[Word, ...]]:
    """Return clip id → its words in their order, from a table of words; nothing where there is none.

    Raises:
        TableError: the file cannot be read as such a table.
    """
    if not path.exists():
        return {}
    table = read_table(path)
    lacking = [column for column in WORD_COLUMNS[:4] if column not in table.columns]
    if lacking:
        raise TableError(f"{path}: no column {', '.join(lacking)}; expected {', '.join(WORD_COLUMNS)}")
    words: dict[str, list[Word]] = {}
    for number, row in enumerate(table.rows):
        start, end = (_seconds(row[column], column, path, table.line(number)) for column in ("start", "end"))
        words.setdefault(row["clip_id"], []).append(Word(row["word"], start, end))
    return {clip_id: tuple(some) for clip_id, some in words.items()}


def read_transcripts(path: Path, words: Path | None = None) -> list[Transcript]:
    """Return the transcripts of a CSV, TSV or JSONL, with the words of the table beside it.

    Raises:
        SourceError: no column with text.
        TableError: the file is no table, or has one id twice.
    """
    table = read_table(path)
    column = text_column(table)
    if column is None:
        raise SourceError(
            f"{path}: no column with what was said among {', '.join(table.columns)}; expected one called "
            f"{', '.join(TEXT_NAMES[:-1])} or {TEXT_NAMES[-1]}"
        )
    known = read_words(words or words_path(path))
    transcripts = []
    for number, (clip_id, row) in enumerate(zip(table.ids(), table.rows, strict=True)):
        told = row.get("duration", "")
        duration = _seconds(told, "duration", path, table.line(number)) if told else None
        transcripts.append(
            Transcript(
                clip_id,
                row[column],
                known.get(clip_id, ()),
                duration,
                row.get("language", ""),
                path,
                path.name,
            )
        )
    return transcripts


def _seconds(text: str, column: str, path: Path, line: int) -> float:
    try:
        value = float(text.replace(",", "."))  # as spreadsheets write it in half of Europe
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise TableError(f"{path}, line {line}, column {column}: {text!r}, expected seconds such as 1.25")
    return value
