"""What sound files say about themselves, without decoding any sound."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cache.common.progress import OnProgress
from extract.audio.open_sound import open_sound
from extract.errors import ClipError


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        container: for example ``wav`` or ``mp4``.
        codec: for example ``pcm_16`` or ``aac``.
        sampling_rate: [Hz].
        channels: how many.
        seconds: length; None when neither header nor packets tell.
        promised: length that decoding is held to; None when only the packets tell.
    """

    container: str
    codec: str
    sampling_rate: int
    channels: int
    seconds: float | None
    promised: float | None = None


def read_header(path: Path) -> Header:
    """Return what a file says about itself; its packets are counted where the header gives no length.

    Raises:
        ClipError: it cannot be read.
    """
    decoder = open_sound(path)
    try:
        promised = decoder.promised
        seconds = promised if promised is not None else decoder.measured()
        shape = decoder.container, decoder.codec, decoder.sampling_rate, decoder.channels
        return Header(*shape, seconds, promised)
    finally:
        decoder.close()


def read_headers(
    paths: Iterable[Path], num_workers: int, on_progress: OnProgress
) -> dict[Path, Header | ClipError]:
    """Read the header of every file once, however many clips it holds, several at a time."""
    wanted = list(dict.fromkeys(paths))
    headers: dict[Path, Header | ClipError] = {}
    with ThreadPoolExecutor(num_workers, "headers") as pool:
        try:
            for path, header in zip(wanted, pool.map(header_of, wanted), strict=True):
                headers[path] = header
                on_progress(len(headers), len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
    return headers


def header_of(path: Path) -> Header | ClipError:
    """Return a file's header, or why it has none."""
    try:
        return read_header(path)
    except ClipError as error:
        return error
