"""The media files of a folder and its subfolders, as clips."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cache.common.errors import TableError
from cache.common.ids import MEDIA_SUFFIXES, clip_id_of_file
from cache.common.tables import split_in_name
from extract.errors import SourceError
from extract.sources.clips import Source, SourceClip


def from_folder(folder: Path) -> Source:
    """Take every audio and video file of a folder and its subfolders.

    Raises:
        SourceError: there is none, or two have one id.
    """
    files, ignored = media_files(folder)
    if not files:
        passed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(ignored.items())) or "nothing"
        raise SourceError(
            f"{folder}: no audio or video files (found {passed}); expected {' '.join(MEDIA_SUFFIXES)}"
        )
    index = index_files(folder, files)
    splits = {clip_id: known_split(clip_id.partition("/")[0]) for clip_id in index}
    clips = [
        SourceClip(clip_id, path, shown_path(path, folder), split=splits[clip_id])
        for clip_id, path in index.items()
    ]
    return Source(tuple(clips), ignored=dict(ignored), splits=splits)


def known_split(name: str) -> str:
    """Return the split that a folder or file is named after, such as ``train_split.csv``, or nothing."""
    return split_in_name(name)


def media_files(folder: Path) -> tuple[list[Path], Counter[str]]:
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


def index_files(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Return clip id → file; raises SourceError when two files have one id."""
    index: dict[str, Path] = {}
    for path in files:
        try:
            clip_id = clip_id_of_file(shown_path(path, folder))
        except TableError as error:
            raise SourceError(f"{path}: {error}; rename the file") from None
        if clip_id in index:
            raise SourceError(
                f"{folder}: two files for clip id {clip_id}: {index[clip_id].name} and {path.name}; "
                "keep one, or name the files in a manifest (clip_id,path)"
            )
        index[clip_id] = path
    return index


def shown_path(path: Path, folder: Path) -> str:
    """Return the path relative to its folder, as text that any file name has (surrogates replaced)."""
    return path.relative_to(folder).as_posix().encode("utf-8", "replace").decode()
