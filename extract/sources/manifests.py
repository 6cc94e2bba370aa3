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
from extract.sources.file_names import readable
from extract.sources.folders import known_split
from extract.sources.path_files import files_by_path
from extract.sources.table_files import files_by_id
from extract.sources.unknown_columns import check_columns, no_path_column


def from_table(table: Table, media: Sequence[Path]) -> Source:
    """Find the files and segments of a table's clips.

    A column ``path`` names files, relative to the table or to a media folder; else an id, or the
    conversation that a segment is part of, is searched in the media folders in order.

    Raises:
        SourceError: no clip of it has a file, or a path leaves its folders.
        TableError: ids, numbers or columns cannot be understood.
    """
    names_files = table.file_column or not table.id_column  # else a table of ids, or of labels
    unused = check_columns(table) if names_files else ()
    ids = table.ids()
    named = known_split(table.path.stem)
    column = table.split_column(split_is_named=bool(named))
    splits = [split_name(row[column]) if column else named for row in table.rows]
    search = files_by_path if table.file_column else files_by_id
    segmented = any(table.column_for(kind) for kind in ("start", "end", "duration"))
    files, searched = search(table, ids, media)
    searched = readable(searched)  # it goes into the ledger
    clips: list[SourceClip] = []
    missing: list[Failure] = []
    for row, file in enumerate(files):
        if isinstance(file, str):
            shown = readable(file)
            missing.append(Failure(ids[row], shown, "source", "not_found", f"no file {shown} in {searched}"))
        else:
            path, shown, ids[row] = file
            place = *table.segment(row), _number(table, row, "channel")
            track = _number(table, row, "audio_stream")
            clips.append(SourceClip(ids[row], path, shown, *place, splits[row], segmented, track))
    if not clips:
        raise SourceError(
            f"{table.path}: none of its {counted(len(missing), 'clip')} (such as {missing[0].path}) has a file in "
            f"{searched}; check --media{no_path_column(table)}"
        )
    named_unused = {readable(str(table.path)): unused} if unused else {}
    return Source(
        tuple(clips), tuple(missing), splits=dict(zip(ids, splits, strict=True)), unused=named_unused
    )


def _number(table: Table, row: int, kind: str) -> int | None:
    """Return a row's channel or audio stream, counted from 0; None where it chooses none."""
    column = table.column_for(kind)
    text = table.rows[row][column].removesuffix(".0") if column else ""
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        named = "a channel" if kind == "channel" else "an audio stream"
        raise TableError(
            f"{table.path}, line {table.line(row)}, column {column}: {text!r} is not {named} (0, 1, ...)"
        )
    return int(text) if text else None
