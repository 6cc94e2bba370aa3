"""Remembers from run to run which changed files were found to sound as before.

Commit records are immutable: without this note, a copied folder would be decoded whole on every ``--update``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cache.common import durable
from cache.common.foreign_json import read_json_file
from cache.format import schema
from cache.reader import CacheReader
from extract.sources.clips import SourceClip, source_stat

FILE = "heard.json"  # in the cache; without it, or with a damaged one, files are only decoded once more


class SeenClip(NamedTuple):
    """A file as it was when it was decoded, how a clip of it sounded [sha256 of its samples], and which clip."""

    size: int
    mtime_ns: int
    audio_sha256: str
    start: float
    end: float | None
    source: str

    @classmethod
    def of(cls, clip: SourceClip, size: int, mtime_ns: int, audio_sha256: str) -> SeenClip:
        """What is to be remembered of a clip; its source text says the channel too."""
        return cls(size, mtime_ns, audio_sha256, float(clip.start), clip.end, clip.source)


def remember(out: Path, seen: Mapping[str, SeenClip]) -> None:
    """Add clips (by id) to what the cache ``out`` remembers.

    Of two runs that do so at once the later one wins; the clips of the other are decoded once more.
    """
    if seen:
        durable.replace_file(out / FILE, json.dumps({**_read(out), **seen}, ensure_ascii=False).encode())


def unchanged_clips(clips: Mapping[str, SourceClip], touched: Sequence[str], out: Path) -> set[str]:
    """Return those of the touched clips that, file and segment as they are now, were found to sound as cached."""
    notes = _read(out)
    seen = {clip_id: notes[clip_id] for clip_id in touched if clip_id in notes}
    seen = {clip_id: note for clip_id, note in seen.items() if _is_of(note, clips[clip_id])}
    if not seen:
        return set()
    with CacheReader(out) as reader:
        cached = reader.clip_table(schema.CLIPS + "audio_sha256", list(seen))
    return {
        clip_id for clip_id, sha256 in zip(seen, cached, strict=True) if seen[clip_id].audio_sha256 == sha256
    }


def _is_of(note: SeenClip, clip: SourceClip) -> bool:
    stat = source_stat(clip.path)
    return stat is not None and note == SeenClip.of(clip, *stat, note.audio_sha256)


def _read(out: Path) -> dict[str, SeenClip]:
    try:
        notes = read_json_file(out / FILE)
        return {str(clip_id): _note(*row) for clip_id, row in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        return {}


def _note(size: int, mtime_ns: int, sha256: str, start: float, end: float | None, source: str) -> SeenClip:
    """Trust no type: the note is a file that anyone may have edited."""
    until = None if end is None else float(end)
    return SeenClip(int(size), int(mtime_ns), str(sha256), float(start), until, str(source))
