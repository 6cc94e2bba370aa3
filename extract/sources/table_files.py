"""The file of each row of a table of ids, searched by its id in the media folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.common.ids import clip_id_from_text
from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.file_names import shown_path
from extract.sources.folders import index_files, media_files
from extract.sources.unknown_columns import no_path_column

_Indexes = Sequence[tuple[Path, Mapping[str, Path]]]
Files = list[tuple[Path, str, str] | str]
"""For each row its file, the path to show and the clip's id, or what was searched for and is not there."""


def files_by_id(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[Files, str]:
    """Search every clip's file by its id; return the files, and in words where they were searched.

    Raises:
        SourceError: there is no folder to search, or two files in one have one id.
    """
    if not media:
        raise SourceError(
            f"{table.path} names clips without files: add --media DIR (searched for <id>.*), "
            f"or a column 'path'{no_path_column(table)}"
        )
    indexes = _indexed(media)
    files: Files = []
    for row, clip_id in enumerate(ids):
        names = [clip_id] if table.id_column else _conversation_names(table, row)
        hit = next(((d, index[name]) for d, index in indexes for name in names if name in index), None)
        files.append((hit[1], shown_path(hit[1], hit[0]), clip_id) if hit else f"{names[-1]}.*")
    searched = ", ".join(map(str, media))
    lost = next((name.removesuffix(".*") for name in files if isinstance(name, str)), None)
    return files, searched + (_hint(lost, indexes) if lost is not None else "")


def _indexed(media: Sequence[Path]) -> _Indexes:
    return [(folder, index_files(folder, media_files(folder)[0]).files) for folder in media]


def _conversation_names(table: Table, row: int) -> list[str]:
    """A speaker's own recording comes before that of the whole conversation."""
    column, speaker = table.column_for("conversation"), table.column_for("speaker")
    assert column is not None  # noqa: S101 - ids() found no id otherwise
    whole = clip_id_from_text(table.rows[row][column])
    if not speaker or not table.rows[row][speaker]:
        return [whole]
    who = clip_id_from_text(table.rows[row][speaker])
    return [f"{whole}/{who}", f"{whole}_{who}", f"{whole}-{who}", whole]


def _hint(lost: str, indexes: _Indexes) -> str:
    """Say what is there that looks like the clip that was not found."""
    last = lost.rpartition("/")[2]
    for folder, index in indexes:
        for other in index:
            tail = other.rpartition("/")[2]
            if tail == last and other.endswith("/" + lost):
                return f" (which holds {other}: pass --media {folder / other.removesuffix(lost).rstrip('/')})"
            if tail == last:
                return f" (which holds {other}, not {lost}: ids are paths below the media folder)"
            if tail.lstrip("0") == last.lstrip("0") or tail.lower() == last.lower():
                return f" (which holds {other}: ids are text, {lost!r} and {other!r} are two clips)"
    example = next((other for _, index in indexes for other in index), None)
    return f" (which holds {example})" if example else " (which holds no clip at all)"
