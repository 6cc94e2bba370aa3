"""Tables of clips: split CSVs and id lists with media folders, manifests with paths and segments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.commit.failures import Failure
from cache.common.errors import TableError
from cache.common.tables import Table, split_name
from cache.common.words import counted
from extract.errors import SourceError
from extract.sources.clips import Source, SourceClip
from extract.sources.folders import known_split
from extract.sources.table_files import files_by_id, files_by_path
from extract.sources.unknown_columns import check_columns, no_path_column


def from_table(table: Table, media: Sequence[Path]) -> Source:
    """Find the files and segments of a table's clips.

    A column ``path`` names files, relative to the table or to a media folder; else an id, or the
    conversation that a segment is part of, is searched in the media folders in order.

    Raises:
        SourceError: no clip of it has a file, or a path leaves its folders.
        TableError: ids, numbers or columns cannot be understood.
    """
    names_files = table.column_for("path") or not table.id_column  # else a table of ids, or of labels
    unused = check_columns(table) if names_files else ()
    ids = table.ids()
    named = known_split(table.path.stem)
    column = table.split_column(split_is_named=bool(named))
    splits = [split_name(row[column]) if column else named for row in table.rows]
    search = files_by_path if table.column_for("path") else files_by_id
    segmented = any(table.column_for(kind) for kind in ("start", "end", "duration"))
    files, searched = search(table, ids, media)
    clips: list[SourceClip] = []
    missing: list[Failure] = []
    for row, file in enumerate(files):
        if isinstance(file, str):
            missing.append(Failure(ids[row], file, "source", "not_found", f"no file {file} in {searched}"))
        else:
            path, shown, ids[row] = file
            start, end = table.segment(row)
            clips.append(
                SourceClip(ids[row], path, shown, start, end, _channel(table, row), splits[row], segmented)
            )
    if not clips:
        raise SourceError(
            f"{table.path}: none of its {counted(len(missing), 'clip')} (such as {missing[0].path}) has a file in "
            f"{searched}; check --media{no_path_column(table)}"
        )
    named_unused = {str(table.path): unused} if unused else {}
    return Source(
        tuple(clips), tuple(missing), splits=dict(zip(ids, splits, strict=True)), unused=named_unused
    )


def _channel(table: Table, row: int) -> int | None:
    column = table.column_for("channel")
    text = table.rows[row][column] if column else ""
    if text and not text.removesuffix(".0").isdigit():
        raise TableError(
            f"{table.path}, line {table.line(row)}, column {column}: {text!r} is not a channel (0, 1, ...)"
        )
    return int(text.removesuffix(".0")) if text else None
