"""Finds the clips: a folder, a manifest or a split CSV in; ids, files and segments out, ready for extract."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.errors import TableError
from cache.failures import Failure
from cache.tables import MEDIA_SUFFIXES, Table, clip_id_from_text, read_table, split_name
from extract.errors import SourceError


@dataclass(frozen=True)
class SourceClip:
    """One clip to be extracted.

    Attributes:
        clip_id: text id.
        path: media file.
        shown: that path as it is stored and printed, relative to its folder.
        start: where the clip starts in the file [s].
        end: where it ends [s]; None for the end of the file.
        channel: channel to use, counted from 0; None for the mean of all.
        split: train, valid, test, or empty when the source does not say.
    """

    clip_id: str
    path: Path
    shown: str
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    split: str = ""


@dataclass(frozen=True)
class Source:
    """The clips of a source, those it names without a file, and what was passed over."""

    clips: tuple[SourceClip, ...]
    failures: tuple[Failure, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)


def find_clips(source: Path, media: Sequence[Path] = ()) -> Source:
    """Find the clips of a folder, a manifest, or a table of ids with ``media`` folders.

    Raises:
        SourceError: no such folder or table, nothing in it, or two files for one id.
    """
    if source.is_dir():
        return _from_folder(source)
    if not source.exists():
        raise SourceError(
            f"{source}: no such file or folder; expected a folder of clips or a CSV/JSONL table of them"
        )
    if source.suffix.lower() in MEDIA_SUFFIXES:
        raise SourceError(f"{source} is a single clip; pass its folder, or a CSV with columns clip_id,path")
    table = read_table(source)
    if table.column_for("path"):
        return _from_manifest(table, media)
    return _from_ids(table, media)


def _from_folder(folder: Path) -> Source:
    files, ignored = _media_files(folder)
    if not files:
        passed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(ignored.items())) or "nothing"
        raise SourceError(
            f"{folder}: no audio or video files (found {passed}); expected {' '.join(MEDIA_SUFFIXES)}"
        )
    index = _index(folder, files)
    clips = [SourceClip(clip_id, path, _shown(path, folder)) for clip_id, path in index.items()]
    return Source(tuple(clips), ignored=dict(ignored))


def _media_files(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Walk a folder, following links but never in circles; hidden files are left out."""
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    files: list[Path] = []
    ignored: Counter[str] = Counter()
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(root)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if suffix in MEDIA_SUFFIXES:
                files.append(Path(root, name))
            else:
                ignored[suffix or "without suffix"] += 1
    return files, ignored


def _refuse(error: OSError) -> None:
    raise SourceError(f"{error.filename}: cannot be read ({error.strerror})")


def _index(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    index: dict[str, Path] = {}
    for path in files:
        try:
            clip_id = clip_id_from_text(_shown(path, folder))
        except TableError as error:
            raise SourceError(f"{path}: {error}; rename the file") from None
        if clip_id in index:
            raise SourceError(
                f"{folder}: two files for clip id {clip_id}: {index[clip_id].name} and {path.name}; "
                "keep one, or name the files in a manifest (clip_id,path)"
            )
        index[clip_id] = path
    return index


def _shown(path: Path, folder: Path) -> str:
    """Return the path relative to its folder, as text that any file name has (surrogates replaced)."""
    return path.relative_to(folder).as_posix().encode("utf-8", "replace").decode()


def _from_ids(table: Table, media: Sequence[Path]) -> Source:
    if not media:
        raise SourceError(
            f"{table.path} names clips without files: add --media DIR (searched for <id>.*), "
            "or a column 'path'"
        )
    indexes = [(folder, _index(folder, _media_files(folder)[0])) for folder in media]
    clips: list[SourceClip] = []
    missing: list[Failure] = []
    for clip_id, split in zip(table.ids(), _splits(table), strict=True):
        found = next(((folder, index[clip_id]) for folder, index in indexes if clip_id in index), None)
        if found:
            folder, path = found
            clips.append(SourceClip(clip_id, path, _shown(path, folder), split=split))
        else:
            missing.append(_not_found(clip_id, f"{clip_id}.*", media))
    if not clips:
        example = next((f"{clip_id}" for _, index in indexes for clip_id in index), "no clip at all")
        raise SourceError(
            f"{table.path}: none of its {len(missing)} ids (such as {missing[0].clip_id}) has a file in "
            f"{', '.join(map(str, media))} (which holds {example}); check --media"
        )
    return Source(tuple(clips), tuple(missing))


def _splits(table: Table) -> list[str]:
    column = table.column_for("split")
    return [split_name(row[column]) if column else "" for row in table.rows]


def _not_found(clip_id: str, name: str, folders: Sequence[Path]) -> Failure:
    where = ", ".join(str(folder) for folder in folders)
    return Failure(clip_id, name, "source", "not_found", f"no file {name} in {where}")


def _from_manifest(table: Table, media: Sequence[Path]) -> Source:
    column = table.column_for("path")
    assert column is not None  # noqa: S101 - the caller looked
    folders = (table.path.parent, *media)
    ids = table.ids() if table.id_column else [clip_id_from_text(row[column]) for row in table.rows]
    clips: list[SourceClip] = []
    missing: list[Failure] = []
    for number, (clip_id, split) in enumerate(zip(ids, _splits(table), strict=True)):
        text = table.rows[number][column]
        path = _inside(text, folders, f"{table.path}, line {table.line(number)}")
        if path is None:
            missing.append(_not_found(clip_id, text, folders))
        else:
            start, end, channel = _segment(table, number)
            clips.append(SourceClip(clip_id, path, text, start, end, channel, split))
    if not clips:
        raise SourceError(
            f"{table.path}: none of its {len(missing)} files exists (the first is {missing[0].path}); "
            "paths are relative to the manifest or to --media"
        )
    return Source(tuple(clips), tuple(missing))


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


def _segment(table: Table, number: int) -> tuple[float, float | None, int | None]:
    row = table.rows[number]
    values: dict[str, float | None] = {}
    for name, kinds in {
        "start": ("start", "start_sec"),
        "end": ("end", "end_sec"),
        "channel": ("channel",),
    }.items():
        column = next((column for column in table.columns if column.lower() in kinds), None)
        text = row[column] if column else ""
        try:
            values[name] = float(text) if text else None
        except ValueError:
            raise SourceError(
                f"{table.path}, line {table.line(number)}, column {column}: {text!r} is not a number"
            ) from None
    channel = values["channel"]
    return values["start"] or 0.0, values["end"], None if channel is None else int(channel)
