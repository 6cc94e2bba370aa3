"""Where the sound of a clip is, for a page that plays it: a relative link to the file, or the file itself in it."""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cache.common.durable import storage_errors
from cache.common.errors import TableError
from cache.common.ids import AUDIO_SUFFIXES, MEDIA_SUFFIXES, SOUND_SUFFIXES, clip_id_of_file
from cache.common.option_fields import ZERO_OR_MORE, option
from cache.common.words import counted, in_one_line
from train.errors import RunError

MEGABYTE = 1_000_000
KINDS = {  # what a browser is told of a sound that lies in the page; of others it finds out itself
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/webm",
}
ANY_KIND = "audio/unknown"


@dataclass(frozen=True)
class SoundOptions:
    """The sounds of a page.

    Attributes:
        media: folders of media files; none: the page has no sounds.
        embed_media: put the files into the page instead of linking to them.
        embed_limit: of all embedded files together [MB].
    """

    media: tuple[Path, ...] = option(
        (), "With --html, a folder of the clips' media files, which the page plays from there; repeatable."
    )
    embed_media: bool = option(
        False, "Put the media files into the page; else they stay where they are.", flag="--embed-media"
    )
    embed_limit: float = option(50.0, "Most of --embed-media, in MB.", within=ZERO_OR_MORE)


def find_sounds(clip_ids: Collection[str], folders: Sequence[Path]) -> dict[str, Path]:
    """Return the media file of each clip, its id being the path below the folder without suffix.

    Of several files of a clip the first folder's counts, there sound before video, then the first by name.

    Args:
        clip_ids: of the clips.
        folders: to look in, with all below them.

    Raises:
        RunError: if a folder is none, or holds no file of any of the clips.
    """
    wanted, found = set(clip_ids), dict[str, Path]()
    for folder in folders:
        if not folder.is_dir():
            raise RunError(
                f"{folder}: no such folder of media files; give --media the one that was extracted"
            )
        here, example = dict[str, Path](), ""
        for path in sorted(_media_in(folder), key=lambda path: (not _is_audio(path), str(path))):
            name = path.relative_to(folder).as_posix()
            example = example or name
            clip_id = _id_of(name)
            if clip_id in wanted:
                here.setdefault(str(clip_id), path)
        if not here:
            there = f"found {in_one_line(example)!a}" if example else "found no media file"
            expected = in_one_line(next(iter(clip_ids), "a clip"))
            raise RunError(
                f"{folder}: holds the sound of none of the {len(wanted)} clips, such as {expected!a}; {there}; "
                "give --media the folder below which paths are ids"
            )
        found = {**here, **found}
    return found


def linked(sounds: Mapping[str, Path], out: Path) -> dict[str, str]:
    """Return each clip's link from a page in ``out``: a relative path, percent-encoded, so that it is only that."""
    start = out.resolve()
    return {
        clip_id: quote(os.fsencode(os.path.relpath(path.resolve(), start)), safe="/")
        for clip_id, path in sounds.items()
    }


def embedded(sounds: Mapping[str, Path], limit: float) -> dict[str, str]:
    """Return each clip's file as a ``data:`` address.

    Args:
        sounds: clip id → file.
        limit: of all files together [MB].

    Raises:
        RunError: if they are larger.
        StorageError: if one cannot be read.
    """
    total = 0.0
    for path in sounds.values():
        with storage_errors(path):
            total += path.stat().st_size / MEGABYTE
    if total > limit:
        raise RunError(
            f"{counted(len(sounds), 'sound')} of {total:.1f} MB, more than --embed-limit {limit:g} MB; raise it, "
            "or leave --embed-media out: the page then plays the files where they are"
        )
    found = {}
    for clip_id, path in sounds.items():
        with storage_errors(path):
            data = base64.b64encode(path.read_bytes()).decode("ascii")
        found[clip_id] = f"data:{KINDS.get(path.suffix.lower(), ANY_KIND)};base64,{data}"
    return found


def _media_in(folder: Path) -> Iterator[Path]:
    for above, _, names in os.walk(folder):
        for name in names:
            if os.path.splitext(name)[1].lower() in MEDIA_SUFFIXES + SOUND_SUFFIXES:
                yield Path(above, name)


def _id_of(name: str) -> str | None:
    stem, suffix = os.path.splitext(name)
    try:
        return clip_id_of_file(stem if suffix.lower() in SOUND_SUFFIXES else name)
    except TableError:
        return None


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES
