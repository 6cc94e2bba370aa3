"""Tables of clips, labels and speakers as people have them: CSV, TSV, JSONL or id lists, their columns by kind."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cache.common import gate
from cache.common.errors import TableError
from cache.common.ids import clip_id_from_text, clip_id_of_file
from cache.common.table_text.encoding import lines_of, text_of
from cache.common.table_text.numbers import why_no_number
from cache.common.table_text.other_files import refuse_other_file
from cache.common.table_text.rows import rows_of
from cache.common.table_text.times import seconds_in

MAX_BYTES = 1 << 30  # of a table

# Header names, compared in lower case with "-", "_" and spaces removed. A column of one of these kinds
# is never a target.
KNOWN_COLUMNS: dict[str, frozenset[str]] = {
    "id": frozenset({"clipid", "filename", "fileid", "file", "id", "clip"}),
    "path": frozenset({"path", "filepath", "audiopath"}),
    "split": frozenset({"split", "splitset", "partition", "subset", "set", "fold"}),
    "speaker": frozenset({"speaker", "speakerid", "spkrid", "subject", "subjectid", "participant"}),
    "age": frozenset({"age"}),
    "start": frozenset({"start", "startsec", "starttime"}),
    "end": frozenset({"end", "endsec", "endtime"}),
    "duration": frozenset({"duration", "durationsec"}),
    "channel": frozenset({"channel"}),
    "audio_stream": frozenset({"audiostream", "audiotrack"}),
    "conversation": frozenset({"conversationid", "conversation", "dialogueid", "dialogid", "sessionid"}),
    "group": frozenset({"gender", "sex", "country", "language"}),
}
ALL_KNOWN = frozenset().union(*KNOWN_COLUMNS.values())
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "devel": "valid",
    "development": "valid",
    "test": "test",
    "testing": "test",
}


def split_name(text: str) -> str:
    """Return ``train``, ``valid`` or ``test`` for the spellings in use; other names in lower case."""
    name = text.strip().lower()
    return SPLIT_NAMES.get(name, SPLIT_NAMES.get(re.sub(r"\d+$", "", name), name))


def split_in_name(stem: str) -> str:
    """Return the split that a file or folder is named after, such as ``train_split``, or nothing."""
    return SPLIT_NAMES.get(stem.lower().removesuffix("_split"), "")


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        path: of the file.
        columns: header names as written.
        rows: one dictionary per row; values are text, never parsed.
        lines: the line number of each row in its file.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    lines: tuple[int, ...]

    @cached_property
    def id_column(self) -> str | None:
        """The column that holds clip ids, if there is one."""
        column = self.column_for("id")
        return None if column == self.file_column else column

    @cached_property
    def file_column(self) -> str | None:
        """The column that names files: ``path``, or ``file`` in the index of audformat (``file,start,end``).

        There a file may stand in many rows: what names a clip is all three.
        """
        named = self._kinds["id"]
        is_index = [_key(column) for column in named] == ["file"] and {"start", "end"} <= set(self.columns)
        return self.column_for("path") or (named[0] if is_index else None)

    @cached_property
    def _kinds(self) -> dict[str, list[str]]:
        keys = {column: _key(column) for column in self.columns}
        return {kind: [c for c, key in keys.items() if key in names] for kind, names in KNOWN_COLUMNS.items()}

    def column_for(self, kind: str) -> str | None:
        """Return the first column of a kind of ``KNOWN_COLUMNS``, in the order of that kind's columns."""
        return next(iter(self._kinds[kind]), None)

    def split_column(self, split_is_named: bool = False) -> str | None:
        """Return the column that divides the table into train, valid and test.

        Numbers are folds and divide nothing, and a column called ``fold`` does so only if it holds such names.

        Args:
            split_is_named: whether the file's name, or an option, says the split: then ``fold`` is none.
        """
        for column in self._kinds["split"]:
            values = {split_name(row[column]) for row in self.rows}
            is_fold = _key(column) == "fold"
            if is_fold and (split_is_named or not values & set(SPLIT_NAMES.values())):
                continue
            if not all(value.isdecimal() or not value for value in values):
                return column
        return None

    def is_known(self, column: str) -> bool:
        """Say whether a column is an id, split, speaker, age, time or group column and so never a target."""
        return _key(column) in ALL_KNOWN

    def line(self, row: int) -> int:
        """Return the line number of a row, for messages."""
        return self.lines[row]

    def ids(self) -> list[str]:
        """Return the clip id of every row.

        Raises:
            TableError: no id column, an unusable id, or one id twice.
        """
        column = self.id_column or self.file_column or self.column_for("conversation")
        if column is None:
            raise TableError(
                f"{self.path}: no id column among {', '.join(self.columns)}; "
                "expected one named clip_id, Filename, File_ID or FileName"
            )
        seen: dict[str, int] = {}
        for number, (row, line) in enumerate(zip(self.rows, self.lines, strict=True)):
            try:
                if column == self.id_column:
                    clip_id = clip_id_from_text(row[column])
                else:
                    is_file = column == self.file_column
                    clip_id = (clip_id_of_file if is_file else clip_id_from_text)(row[column])
                    clip_id = self._composed(clip_id, number)
            except TableError as error:
                raise TableError(f"{self.path}, line {line}, column {column}: {error}") from None
            if clip_id in seen:
                raise TableError(f"{self.path}: clip id {clip_id} stands in lines {seen[clip_id]} and {line}")
            seen[clip_id] = line
        return list(seen)

    def written_ids(self) -> list[str]:
        """Return the id of every row as the table writes it, for ``KnownIds``: exact text comes first there."""
        column = self.id_column
        return [row[column] for row in self.rows] if column else self.ids()

    def segment(self, row: int) -> tuple[float, float | None]:
        """Return start and end of a row's clip in its file [s]; None for the end of the file.

        Raises:
            TableError: a value is not a number.
        """
        start, end, duration = (self._number(row, kind) for kind in ("start", "end", "duration"))
        if end is None and start is not None and duration is not None:
            end = start + duration
        return start or 0.0, end

    def _number(self, row: int, kind: str) -> float | None:
        column = self.column_for(kind)
        text = self.rows[row][column] if column else ""
        try:
            value = seconds_in(text)
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            why = f" ({cause})" if (cause := why_no_number(text)) else ""
            raise TableError(
                f"{self.path}, line {self.line(row)}, column {column}: {text!r} is not a number{why}"
            )
        return value

    def _composed(self, clip_id: str, row: int) -> str:
        """Name a clip that has no id by its file or conversation, speaker, channel and segment.

        Numbers are written the same however the table spells them, so that a table of labels that went
        through a spreadsheet still names the same clips: ``c07/anna/12.500-17.250``.
        """
        parts = [clip_id]
        for kind, name in (("speaker", "{}"), ("channel", "channel{}"), ("audio_stream", "stream{}")):
            column = self.column_for(kind)
            if column and self.rows[row][column] and self.column_for("start"):
                parts.append(name.format(clip_id_from_text(self.rows[row][column])))
        start, end = self.segment(row)
        if start or end is not None:
            parts.append(f"{start:.3f}-{'end' if end is None else f'{end:.3f}'}")
        return "/".join(parts)


def read_table(path: Path | str) -> Table:
    """Read a CSV, TSV, JSONL or bare id list (``.txt``: one id per line).

    Raises:
        TableError: the file is missing, empty, another kind of file, or a row does not fit the header.
    """
    path = Path(path)
    try:
        data = gate.read_named(path, MAX_BYTES)
    except FileNotFoundError:
        raise TableError(f"{path}: no such file; expected a CSV, TSV, JSONL or .txt table of clips") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    refuse_other_file(path, data)
    table = rows_of(path, lines_of(text_of(data, path)), _names_files)
    if not table.rows:
        raise TableError(f"{path}: no rows; expected a header and one row per clip")
    return Table(path, table.columns, table.rows, table.lines)


def _key(column: str) -> str:
    return re.sub(r"[-_ ]", "", column).lower()


def _names_files(column: str) -> bool:
    return _key(column) in KNOWN_COLUMNS["path"]
