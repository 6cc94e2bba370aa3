"""What sound files say about themselves, without decoding any sound."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cache.common.progress import OnProgress
from extract.audio.at_hand import at_hand
from extract.audio.open_sound import open_sound
from extract.audio.rules import CURRENT
from extract.errors import ClipError
from extract.sources.clips import Sound


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        container: for example ``wav`` or ``mp4``.
        codec: for example ``pcm_16`` or ``aac``.
        sampling_rate: [Hz].
        channels: how many.
        seconds: length; None when neither header nor packets tell.
        promised: length that decoding is held to; None when the header does not state one.
        start: where on the container's timeline its sound begins [s].
        tracks: how many audio streams it has.
    """

    container: str
    codec: str
    sampling_rate: int
    channels: int
    seconds: float | None
    promised: float | None = None
    start: float = 0.0
    tracks: int = 1


def read_header(path: Path, track: int | None = None, rules: int = CURRENT) -> Header:
    """Return what a file says about itself; its packets are counted where the header gives no length.

    Args:
        path: of the file.
        track: which of its audio streams, counted from 0; None for the default one.
        rules: a version of ``extract.audio.rules``.

    Raises:
        ClipError: it cannot be read.
    """
    with at_hand(path) as file:
        decoder = open_sound(file, track, rules)
        try:
            promised = decoder.promised
            seconds = promised if promised is not None else decoder.measured()
            shape = decoder.container, decoder.codec, decoder.sampling_rate, decoder.channels
            return Header(*shape, seconds, promised, decoder.start, decoder.tracks)
        finally:
            decoder.close()


def read_headers(
    sounds: Iterable[Sound], num_workers: int, on_progress: OnProgress, rules: int = CURRENT
) -> dict[Sound, Header | ClipError]:
    """Read the header of every file once, however many clips it holds, several at a time."""
    wanted = list(dict.fromkeys(sounds))
    headers: dict[Sound, Header | ClipError] = {}
    with ThreadPoolExecutor(num_workers, "headers") as pool:
        try:
            read = pool.map(lambda sound: header_of(sound, rules), wanted)
            for sound, header in zip(wanted, read, strict=True):
                headers[sound] = header
                on_progress(len(headers), len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
    return headers


def header_of(sound: Sound, rules: int = CURRENT) -> Header | ClipError:
    """Return the header of a file with one of its audio streams chosen, or why it has none."""
    try:
        return read_header(*sound, rules)
    except ClipError as error:
        return error
