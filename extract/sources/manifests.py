"""Tables of clips, first of clips → extract → cache: split CSVs with media folders, manifests with segments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.commit.failures import Failure
from cache.common.console import counted
from cache.common.errors import TableError
from cache.common.ids import clip_id_from_text
from cache.common.tables import Table, split_name
from extract.errors import SourceError
from extract.sources.clips import Source, SourceClip, index_files, known_split, media_files, shown_path
from extract.sources.unknown_columns import check_columns, no_path_column

_Indexes = Sequence[tuple[Path, Mapping[str, Path]]]


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
    column = table.column_for("split")
    named = known_split(table.path.stem)
    splits = [split_name(row[column]) if column else named for row in table.rows]
    search = _by_path if table.column_for("path") else _by_id
    segmented = any(table.column_for(kind) for kind in ("start", "end", "duration"))
    files, whereabouts = search(table, ids, media)
    clips: list[SourceClip] = []
    missing: list[Failure] = []
    for row, (clip_id, found) in enumerate(zip(ids, files, strict=True)):
        if isinstance(found, str):
            missing.append(
                Failure(clip_id, found, "source", "not_found", f"no file {found} in {whereabouts}")
            )
        else:
            path, shown = found
            start, end = table.segment(row)
            clips.append(
                SourceClip(clip_id, path, shown, start, end, _channel(table, row), splits[row], segmented)
            )
    if not clips:
        raise SourceError(
            f"{table.path}: none of its {counted(len(missing), 'clip')} (such as {missing[0].path}) has a file in "
            f"{whereabouts}; check --media{no_path_column(table)}"
        )
    named_unused = {str(table.path): unused} if unused else {}
    return Source(
        tuple(clips), tuple(missing), splits=dict(zip(ids, splits, strict=True)), unused=named_unused
    )


_Found = list[tuple[Path, str] | str]


def _by_id(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[_Found, str]:
    """Search every clip's file by its id; returns file and shown path, or what was searched for."""
    if not media:
        raise SourceError(
            f"{table.path} names clips without files: add --media DIR (searched for <id>.*), "
            f"or a column 'path'{no_path_column(table)}"
        )
    indexes = [(folder, index_files(folder, media_files(folder)[0])) for folder in media]
    files: _Found = []
    for row, clip_id in enumerate(ids):
        names = [clip_id] if table.id_column else _conversation_names(table, row)
        hit = next(((d, index[name]) for d, index in indexes for name in names if name in index), None)
        files.append((hit[1], shown_path(hit[1], hit[0])) if hit else f"{names[-1]}.*")
    whereabouts = ", ".join(map(str, media))
    lost = next((name.removesuffix(".*") for name in files if isinstance(name, str)), None)
    return files, whereabouts + (_hint(lost, indexes) if lost is not None else "")


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


def _by_path(table: Table, ids: Sequence[str], media: Sequence[Path]) -> tuple[_Found, str]:
    """Take every clip's file from its path; returns file and shown path, or the path that is not there."""
    column = table.column_for("path")
    assert column is not None  # noqa: S101 - the caller looked
    folders = (table.path.parent, *media)
    files: _Found = []
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


def _channel(table: Table, row: int) -> int | None:
    column = table.column_for("channel")
    text = table.rows[row][column] if column else ""
    if text and not text.removesuffix(".0").isdigit():
        raise TableError(
            f"{table.path}, line {table.line(row)}, column {column}: {text!r} is not a channel (0, 1, ...)"
        )
    return int(text.removesuffix(".0")) if text else None
