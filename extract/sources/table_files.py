"""The file of each row of a table: searched by its id in the media folders, or named by its path."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.common.ids import clip_id_from_text
from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.file_names import shown_path
from extract.sources.folders import index_files, media_files
from extract.sources.unknown_columns import no_path_column

_Indexes = Sequence[tuple[Path, Mapping[str, Path]]]
Files = list[tuple[Path, str] | str]
"""For each row its file with the path to show, or what was searched for and is not there."""


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
    indexes = [(folder, index_files(folder, media_files(folder)[0]).files) for folder in media]
    files: Files = []
    for row, clip_id in enumerate(ids):
        names = [clip_id] if table.id_column else _conversation_names(table, row)
        hit = next(((d, index[name]) for d, index in indexes for name in names if name in index), None)
        files.append((hit[1], shown_path(hit[1], hit[0])) if hit else f"{names[-1]}.*")
    searched = ", ".join(map(str, media))
    lost = next((name.removesuffix(".*") for name in files if isinstance(name, str)), None)
    return files, searched + (_hint(lost, indexes) if lost is not None else "")


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


def files_by_path(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[Files, str]:
    """Take every clip's file from its path; return the files, and in words where they were searched.

    Raises:
        SourceError: a path leaves the table's folder and the media folders.
    """
    column = table.column_for("path")
    assert column is not None  # noqa: S101 - the caller looked
    folders = (table.path.parent, *media)
    files: Files = []
    for row in range(len(ids)):
        text = table.rows[row][column]
        path = _inside(text, folders, f"{table.path}, line {table.line(row)}")
        files.append((path, text) if path else text)
    return files, ", ".join(str(folder) for folder in folders)


def _inside(text: str, folders: Sequence[Path], where: str) -> Path | None:
    """Return the file a manifest names, or None when there is none; it must lie in one of the folders."""
    for folder in folders:
        path = folder / text
        if path.is_file():
            if not any(_contains(parent, path) for parent in folders):
                raise SourceError(
                    f"{where}: {text} lies outside {', '.join(map(str, folders))}; "
                    f"if that is meant, add --media {path.parent}"
                )
            return path
    return None


def _contains(folder: Path, path: Path) -> bool:
    """Compare names, not link targets: a link inside the folder is the user's own doing."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))
