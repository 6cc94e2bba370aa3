"""The file of each row of a table of ids, searched by its id in the media folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cache.common.ids import KnownIds, clip_id_from_text, nearly_matching
from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.file_names import shown_path
from extract.sources.folders import index_files, media_files
from extract.sources.unknown_columns import no_path_column

Files = list[tuple[Path, str, str] | str]
"""For each row its file, the path to show and the clip's id, or what was searched for and is not there."""


class MediaIndex(NamedTuple):
    """A media folder and its files by clip id."""

    folder: Path
    files: Mapping[str, Path]
    known: KnownIds


Indexes = Sequence[MediaIndex]


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
    indexes = indexed(media)
    files: Files = []
    for row, text in enumerate(table.written_ids()):
        names = [text] if table.id_column else _conversation_names(table, row)
        found = _by_name(names, indexes)
        if found is None:
            files.append(f"{ids[row] if table.id_column else names[-1]}.*")
        else:
            index, name = found
            path = index.files[name]
            # Where the id names the file, the clip is called as it is called in its folder.
            files.append((path, shown_path(path, index.folder), name if table.id_column else ids[row]))
    searched = ", ".join(map(str, media))
    lost = [name.removesuffix(".*") for name in files if isinstance(name, str)]
    return files, searched + (_hint(lost, indexes) if lost else "")


def indexed(media: Sequence[Path]) -> Indexes:
    """Return the media files of folders by clip id; raises SourceError as ``index_files`` does."""
    by_id = ((folder, index_files(folder, media_files(folder)[0]).files) for folder in media)
    return [MediaIndex(folder, files, KnownIds(files)) for folder, files in by_id]


def _by_name(names: Sequence[str], indexes: Indexes) -> tuple[MediaIndex, str] | None:
    """Return the first folder that has a file of one of these names, and its id there; exact names come first.

    Raises:
        TableError: a name may mean several files.
    """
    pairs = [(index, name) for index in indexes for name in names]
    exact = next((pair for pair in pairs if pair[1] in pair[0].files), None)
    return exact or next(
        ((index, clip_id) for index, name in pairs if (clip_id := index.known.find(name)) is not None), None
    )


def _conversation_names(table: Table, row: int) -> list[str]:
    """A speaker's own recording comes before that of the whole conversation."""
    column, speaker = table.column_for("conversation"), table.column_for("speaker")
    assert column is not None  # noqa: S101 - ids() found no id otherwise
    whole = clip_id_from_text(table.rows[row][column])
    if not speaker or not table.rows[row][speaker]:
        return [whole]
    who = clip_id_from_text(table.rows[row][speaker])
    return [f"{whole}/{who}", f"{whole}_{who}", f"{whole}-{who}", whole]


def _hint(missing: Sequence[str], indexes: Indexes) -> str:
    """Say what is there that looks like the clips that were not found, and how many of them it would be."""
    names = [name for index in indexes for name in index.files]
    return f" (which holds {_what_is_there(missing[0], indexes)}){nearly_matching(missing, names)}"


def _what_is_there(lost: str, indexes: Indexes) -> str:
    last = lost.rpartition("/")[2]
    for folder, index, _ in indexes:
        for other in index:
            tail = other.rpartition("/")[2]
            if tail == last and other.endswith("/" + lost):
                return f"{other}: pass --media {folder / other.removesuffix(lost).rstrip('/')}"
            if tail == last:
                return f"{other}, not {lost}: ids are paths below the media folder"
            if tail.lstrip("0") == last.lstrip("0") or tail.lower() == last.lower():
                return f"{other}: ids are text, {lost!r} and {other!r} are two clips"
    return next((other for index in indexes for other in index.files), "no clip at all")
