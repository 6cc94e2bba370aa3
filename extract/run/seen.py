"""Remembers, between runs of clips → extract → cache, which changed files were found to sound as before.

Commit records are immutable: without this note, a copied folder would be decoded whole on every ``--update``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cache.common import durable
from cache.format import schema
from cache.reader import CacheReader
from extract.audio.decode import source_stat
from extract.sources.clips import SourceClip

FILE = "heard.json"  # in the cache; without it, or with a damaged one, files are only decoded once more


class Heard(NamedTuple):
    """A file as it was when it was decoded, how a clip of it sounded [sha256 of its samples], and which clip."""

    size: int
    mtime_ns: int
    audio_sha256: str
    start: float
    end: float | None
    source: str

    @classmethod
    def of(cls, clip: SourceClip, size: int, mtime_ns: int, audio_sha256: str) -> Heard:
        """What is to be remembered of a clip; its source text says the channel too."""
        return cls(size, mtime_ns, audio_sha256, float(clip.start), clip.end, clip.source)


def remember(out: Path, heard: Mapping[str, Heard]) -> None:
    """Add clips (by id) to what the cache ``out`` remembers.

    Of two runs that do so at once the later one wins; the clips of the other are decoded once more.
    """
    if heard:
        durable.replace_file(out / FILE, json.dumps({**_read(out), **heard}, ensure_ascii=False).encode())


def unchanged_clips(clips: Mapping[str, SourceClip], touched: Sequence[str], out: Path) -> set[str]:
    """Return those of the touched clips that, file and segment as they are now, were found to sound as cached."""
    notes = _read(out)
    heard = {clip_id: notes[clip_id] for clip_id in touched if clip_id in notes}
    heard = {clip_id: note for clip_id, note in heard.items() if _is_of(note, clips[clip_id])}
    if not heard:
        return set()
    with CacheReader(out) as reader:
        cached = reader.clip_table(schema.CLIPS + "audio_sha256", list(heard))
    return {
        clip_id
        for clip_id, sha256 in zip(heard, cached, strict=True)
        if heard[clip_id].audio_sha256 == sha256
    }


def _is_of(note: Heard, clip: SourceClip) -> bool:
    stat = source_stat(clip.path)
    return stat is not None and note == Heard.of(clip, *stat, note.audio_sha256)


def _read(out: Path) -> dict[str, Heard]:
    try:
        found = json.loads(durable.read_regular(out / FILE))
        return {str(clip_id): _note(*row) for clip_id, row in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _note(size: int, mtime_ns: int, sha256: str, start: float, end: float | None, source: str) -> Heard:
    """Trust no type: the note is a file that anyone may have edited."""
    until = None if end is None else float(end)
    return Heard(int(size), int(mtime_ns), str(sha256), float(start), until, str(source))
