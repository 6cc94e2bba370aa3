"""Remembers, between runs of clips → extract → cache, which changed files were found to sound as before.

Commit records are immutable: without this note, a copied folder would be decoded whole on every ``--update``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cache import files, schema
from cache.reader import CacheReader
from extract.audio import source_stat
from extract.media import SourceClip

FILE = "heard.json"  # in the cache; without it, or with a damaged one, files are only decoded once more


class Heard(NamedTuple):
    """A file as it was when it was decoded, and how the clip sounded [sha256 of its samples]."""

    size: int
    mtime_ns: int
    audio_sha256: str


def remember(out: Path, heard: Mapping[str, Heard]) -> None:
    """Add clips (by id) to what the cache ``out`` remembers.

    Of two runs that do so at once the later one wins; the clips of the other are decoded once more.
    """
    if heard:
        files.replace_file(out / FILE, json.dumps({**_read(out), **heard}, ensure_ascii=False).encode())


def unchanged_clips(clips: Mapping[str, SourceClip], touched: Sequence[str], out: Path) -> set[str]:
    """Return those of the touched clips whose files, as they are now, were found to sound as cached."""
    heard = {clip_id: note for clip_id, note in _read(out).items() if clip_id in set(touched)}
    heard = {clip_id: note for clip_id, note in heard.items() if source_stat(clips[clip_id].path) == note[:2]}
    if not heard:
        return set()
    with CacheReader(out) as reader:
        cached = reader.clip_table(schema.CLIPS + "audio_sha256", list(heard))
    return {clip_id for clip_id, sha256 in zip(heard, cached, strict=True) if heard[clip_id][2] == sha256}


def _read(out: Path) -> dict[str, Heard]:
    try:
        found = json.loads(files.read_regular(out / FILE))
        return {
            str(clip_id): Heard(int(size), int(time), str(sha))
            for clip_id, (size, time, sha) in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
