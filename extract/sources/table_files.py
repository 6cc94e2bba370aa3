"""The file of each row of a table: searched by its id in the media folders, or named by its path."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.common.ids import clip_id_from_text
from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.file_names import readable, shown_path
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
    indexes = _indexed(media)
    files: Files = []
    for row, clip_id in enumerate(ids):
        names = [clip_id] if table.id_column else _conversation_names(table, row)
        hit = next(((d, index[name]) for d, index in indexes for name in names if name in index), None)
        files.append((hit[1], shown_path(hit[1], hit[0])) if hit else f"{names[-1]}.*")
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


def files_by_path(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[Files, str]:
    """Take every clip's file from its path; return the files, and in words where they were searched.

    A ``file`` of audformat without a suffix is searched in the media folders like an id.

    Raises:
        SourceError: a path leaves the table's folder and the media folders.
    """
    column = table.file_column
    assert column is not None  # noqa: S101 - the caller looked
    folders = (table.path.parent, *media)
    files: Files = []
    for row in range(len(ids)):
        text = table.rows[row][column]
        files.append(_inside(text, folders, f"{table.path}, line {table.line(row)}") or text)
    if media and column != table.column_for("path") and any(isinstance(file, str) for file in files):
        indexes = _indexed(media)
        files = [_by_name(file, indexes) or file if isinstance(file, str) else file for file in files]
    return files, ", ".join(str(folder) for folder in folders)


def _by_name(text: str, indexes: _Indexes) -> tuple[Path, str] | None:
    name = clip_id_from_text(text)
    if Path(text).suffix and name != text:
        return None  # another file than the one that is named is none
    return next(((index[name], shown_path(index[name], d)) for d, index in indexes if name in index), None)


def _inside(text: str, folders: Sequence[Path], where: str) -> tuple[Path, str] | None:
    """Return the file a manifest names, and how to show it, or None when there is none.

    It must lie in one of the folders. The name as it is written comes first.

    Raises:
        SourceError: it lies elsewhere.
    """
    for name in _spellings(text):
        for folder in folders:
            path = folder / name
            if _is_file(path):
                if not any(_contains(parent, path) for parent in folders):
                    raise SourceError(
                        f"{where}: {text} lies outside {', '.join(map(str, folders))}; "
                        f"if that is meant, add --media {path.parent}"
                    )
                return path, readable(name)
    return None


def _spellings(text: str) -> list[str]:
    r"""Return a path as it is written, then without blanks around it, with ``/`` for ``\``, in other Unicode."""
    plain = [text, text.strip()]
    plain += [name.replace("\\", "/") for name in plain]
    composed = [unicodedata.normalize(form, name) for form in ("NFC", "NFD") for name in plain]
    return list(dict.fromkeys(name for name in (*plain, *composed) if name))


def _is_file(path: Path) -> bool:
    """A name that is too long, or lies in a folder that must not be entered, is one that is not there."""
    try:
        return path.is_file()
    except OSError:
        return False


def _contains(folder: Path, path: Path) -> bool:
    """Compare names, not link targets: a link inside the folder is the user's own doing."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))
