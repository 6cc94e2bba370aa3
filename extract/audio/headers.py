"""What sound files say about themselves, without decoding any sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cache.common.progress import OnProgress
from extract.audio.at_hand import at_hand
from extract.audio.open_sound import open_sound
from extract.audio.rules import CURRENT
from extract.errors import ClipError
from extract.sources.clips import Sound

BLOCK = 2000  # files that are waited for together


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
    for sound, header in read_headers_by(lambda each: header_of(each, rules), wanted, num_workers):
        headers[sound] = header
        on_progress(len(headers), len(wanted))
    return headers


def read_headers_by(
    read: Callable[[Sound], Header | ClipError], wanted: Sequence[Sound], num_workers: int
) -> Iterator[tuple[Sound, Header | ClipError]]:
    """Yield every file with its header, in their order, several read at a time and some ahead.

    Not all are asked for at once: a million waiting results would take gigabytes, and none could be stopped.
    """
    with ThreadPoolExecutor(num_workers, "headers") as pool:
        for begin in range(0, len(wanted), BLOCK):
            some = wanted[begin : begin + BLOCK]
            try:
                yield from zip(some, pool.map(read, some), strict=True)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def header_of(sound: Sound, rules: int = CURRENT) -> Header | ClipError:
    """Return the header of a file with one of its audio streams chosen, or why it has none."""
    try:
        return read_header(*sound, rules)
    except ClipError as error:
        return error
