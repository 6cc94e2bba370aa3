"""The media files of a folder and its subfolders, as clips; everything else in it is accounted for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.commit.failures import Failure
from cache.common.errors import TableError
from cache.common.ids import clip_id_of_file
from cache.common.storage.url_path import UrlPath
from cache.common.tables import split_in_name
from extract.errors import SourceError
from extract.sources.clips import Source, SourceClip
from extract.sources.far_files import far_files
from extract.sources.file_names import bad_name, shown_path
from extract.sources.media_kinds import id_text, looks_like, looks_like_by_name
from extract.sources.no_media import HIDDEN, HIDDEN_FOLDER, NoMedia


@dataclass(frozen=True)
class FolderIndex:
    """The media files of a folder.

    Attributes:
        files: clip id → file.
        failures: files whose names cannot be ids.
    """

    files: dict[str, Path] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def from_folder(folder: Path) -> Source:
    """Take every audio and video file of a folder and its subfolders.

    Raises:
        SourceError: there is none, or two have one id.
    """
    files, no_media = media_files(folder)
    if not files:
        passed = "; ".join(no_media.lines()) or "nothing is in it"
        raise SourceError(f"{folder}: no audio or video files ({passed}); expected wav, mp3, mp4 or the like")
    index = index_files(folder, files)
    splits = {clip_id: known_split(clip_id.partition("/")[0]) for clip_id in index.files}
    clips = [
        SourceClip(clip_id, path, shown_path(path, folder), split=splits[clip_id])
        for clip_id, path in index.files.items()
    ]
    splits |= {failure.clip_id: known_split(failure.path.partition("/")[0]) for failure in index.failures}
    return Source(tuple(clips), tuple(index.failures), no_media, splits)


def known_split(name: str) -> str:
    """Return the split that a folder or file is named after, such as ``train_split.csv``, or nothing."""
    return split_in_name(name)


def media_files(folder: Path) -> tuple[list[Path], NoMedia]:
    """Return the sound and video files of a folder, by name or content, and what else is in it.

    Links are followed, but never in circles; hidden files and folders are no media.
    """
    no_media = NoMedia()
    if isinstance(folder, UrlPath):
        found = looks_like_by_name(list(_visible_far_files(folder, no_media)))
    elif folder.is_dir():
        found = looks_like(list(_visible_files(folder, no_media)))
    else:
        raise SourceError(f"{folder}: no such folder")
    for path, kind in (each for each in found if not each.is_media):
        no_media.add(kind, shown_path(path, folder))
    return [each.path for each in found if each.is_media], no_media


def _visible_files(folder: Path, no_media: NoMedia) -> Iterator[Path]:
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(name for name in folders if name.startswith(".")):
            no_media.add(HIDDEN_FOLDER, shown_path(Path(root, name), folder) + "/")
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                no_media.add(HIDDEN, shown_path(Path(root, name), folder))
            else:
                yield Path(root, name)


def _visible_far_files(folder: UrlPath, no_media: NoMedia) -> Iterator[Path]:
    for path in far_files(folder):
        name = shown_path(path, folder)
        if any(part.startswith(".") for part in name.split("/")):
            no_media.add(HIDDEN, name)
        else:
            yield path


def _refuse(error: OSError) -> None:
    raise SourceError(f"{error.filename}: cannot be read ({error.strerror})")


def index_files(folder: Path, files: Sequence[Path]) -> FolderIndex:
    """Return the files of a folder by clip id.

    Of files that would have one id, those whose suffix this project has not always known keep theirs: the ids
    of an older cache stay what they were.

    Raises:
        SourceError: two files have one id.
    """
    index = FolderIndex()
    names = [str(path.relative_to(folder)) for path in files]
    ids = [_clip_id(id_text(name)) for name in names]
    often = {clip_id for clip_id, count in Counter(ids).items() if count > 1}
    for path, name, clip_id in zip(files, names, ids, strict=True):
        unique = _clip_id(id_text(name, keep_suffix=True)) if clip_id in often else clip_id
        if unique is None:
            index.failures.append(bad_name(path, folder))
        elif unique in index.files:
            raise SourceError(
                f"{folder}: two files for clip id {unique}: {index.files[unique].name} and {path.name}; "
                "keep one, or name the files in a manifest (clip_id,path)"
            )
        else:
            index.files[unique] = path
    return index


def _clip_id(text: str) -> str | None:
    """Return the id that a text means, or None where it can be none."""
    try:
        text.encode()
        return clip_id_of_file(text)
    except (TableError, UnicodeEncodeError):
        return None
