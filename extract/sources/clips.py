"""What a clip of a source is, and what a source is: clips with their files, and those without one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from cache.commit.failures import Failure
from cache.common.storage.url_path import UrlPath
from extract.sources.far_files import far_stat
from extract.sources.no_media import NoMedia


class Sound(NamedTuple):
    """An audio stream of a file; None for the default one."""

    path: Path
    audio_stream: int | None = None


@dataclass(frozen=True)
class SourceClip:
    """One clip to be extracted.

    Attributes:
        clip_id: text id.
        path: media file.
        shown: that path as it is stored and printed, relative to its folder.
        start: where the clip starts in the file [s].
        end: where it ends [s]; None for the end of the file.
        channel: channel to use, counted from 0; None for a mix of all.
        split: train, valid, test, or empty when the source does not say.
        segmented: whether its table has columns for segments, so that an empty end is a choice.
        audio_stream: audio stream of the file to use, counted from 0; None for the default one.
    """

    clip_id: str
    path: Path
    shown: str
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    split: str = ""
    segmented: bool = False
    audio_stream: int | None = None

    @property
    def sound(self) -> Sound:
        """Where its samples are."""
        return Sound(self.path, self.audio_stream)

    @property
    def is_whole(self) -> bool:
        """Whether it is all the sound of its file, from the first sample, whenever that comes."""
        return not self.start and self.end is None

    @property
    def source(self) -> str:
        """What the cache says of where the clip came from: the shown path, and the stream and channel if chosen."""
        chosen = {"audio_stream": self.audio_stream, "channel": self.channel}
        return self.shown + "".join(f"#{kind}={n}" for kind, n in chosen.items() if n is not None)


@dataclass(frozen=True)
class Source:
    """The clips of a source, those it names without a file, and what was passed over.

    Attributes:
        clips: those that have a file.
        failures: those that have none.
        no_media: the files of its folders that are neither sound nor video.
        splits: clip id → split, failures included.
        unused: manifest → its columns that nothing uses.
    """

    clips: tuple[SourceClip, ...]
    failures: tuple[Failure, ...] = ()
    no_media: NoMedia = field(default_factory=NoMedia)
    splits: dict[str, str] = field(default_factory=dict)
    unused: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def with_audio_stream(self, number: int | None) -> Source:
        """Return the source with an audio stream chosen for every clip whose row chooses none."""
        if number is None:
            return self
        chosen = (replace(c, audio_stream=number) if c.audio_stream is None else c for c in self.clips)
        return replace(self, clips=tuple(chosen))


def source_stat(path: Path) -> tuple[int, int] | None:
    """Return size [bytes] and modification time [ns] of a file, or None when it cannot be had."""
    if isinstance(path, UrlPath):
        return far_stat(path)
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
