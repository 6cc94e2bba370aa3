"""The file of each row of a manifest, named by its path inside the manifest's own folder or a media folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cache.common.ids import clip_id_from_text
from cache.common.storage.url_path import UrlPath, is_url, place
from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.far_files import far_files
from extract.sources.file_names import readable, shown_path
from extract.sources.table_files import Files, Indexes, indexed


def files_by_path(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[Files, str]:
    """Take every clip's file from its path; return the files, and in words where they were searched.

    A ``file`` of audformat without a suffix is searched in the media folders like an id.

    Raises:
        SourceError: a path leaves the table's folder and the media folders.
    """
    column = table.file_column
    assert column is not None  # noqa: S101 - the caller looked
    folders = (table.path.parent, *media)
    here = [folder for folder in folders if not isinstance(folder, UrlPath)]
    far = {folder: _names(folder) for folder in media if isinstance(folder, UrlPath)}
    files: list[tuple[Path, str] | str] = []
    for row in range(len(ids)):
        text = table.rows[row][column]
        where = f"{table.path}, line {table.line(row)}"
        files.append(_by_url(text, far) or _inside(text, here, where) or text)
    if media and column != table.column_for("path") and any(isinstance(file, str) for file in files):
        indexes = indexed(media)
        files = [_by_name(file, indexes) or file if isinstance(file, str) else file for file in files]
    named = [file if isinstance(file, str) else (*file, ids[row]) for row, file in enumerate(files)]
    return named, ", ".join(str(folder) for folder in folders)


def _by_url(text: str, far: Mapping[UrlPath, Collection[str]]) -> tuple[Path, str] | None:
    """Return a file behind a URL: of a row that is one, or of a media folder that has this name.

    Whether an object is there that a row names whole is seen when it is fetched.
    """
    if is_url(text):
        path = place(text)
        return path, str(path)
    pairs = ((folder, name) for folder in far for name in _spellings(text))
    return next(((folder / name, name) for folder, name in pairs if name in far[folder]), None)


def _names(folder: UrlPath) -> frozenset[str]:
    return frozenset(shown_path(path, folder) for path in far_files(folder))


def _by_name(text: str, indexes: Indexes) -> tuple[Path, str] | None:
    name = clip_id_from_text(text)
    if Path(text).suffix and name != text:
        return None  # another file than the one that is named is none
    found = ((index.files[name], index.folder) for index in indexes if name in index.files)
    return next(((path, shown_path(path, folder)) for path, folder in found), None)


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
    above, inside = (
        os.path.abspath(folder),
        os.path.abspath(path),
    )  # of a million: pathlib takes ten times as long
    return inside == above or inside.startswith(above.rstrip("/") + "/")
