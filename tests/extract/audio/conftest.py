"""Clips of one file, and media files with oddities: written with FFmpeg's own encoders and muxers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from extract.audio.clip_length import clip_seconds
from extract.audio.headers import read_header
from extract.sources.clips import SourceClip

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


@pytest.fixture
def clip() -> Callable[..., SourceClip]:
    """The clip of a file, or a segment or channel of it."""
    return lambda path, **options: SourceClip("x", path, path.name, **options)


@pytest.fixture
def planned_seconds() -> Callable[[SourceClip], float]:
    """As a plan has it: from the header alone."""
    return lambda wanted: clip_seconds(wanted, read_header(wanted.path))


@pytest.fixture
def encode() -> Callable[..., None]:
    """Write mono or 7.1 sound with FFmpeg's own encoder."""
    return lambda path, sound, rate, codec: mux(path, [Track(sound, rate, codec)])


@dataclass(frozen=True)
class Track:
    """An audio stream of a file to be written.

    Attributes:
        sound: (samples, channels) float32.
        rate: [Hz].
        codec: FFmpeg's name of an encoder.
        delay: seconds by which it comes late in the container.
        lost: packets that begin from the first to the second [s] are left out.
        default: whether it is marked as the default one.
    """

    sound: np.ndarray
    rate: int = 16_000
    codec: str = "aac"
    delay: float = 0.0
    lost: tuple[float, float] = (0.0, 0.0)
    default: bool = False


@pytest.fixture
def track() -> type[Track]:
    """An audio stream to be written."""
    return Track


@pytest.fixture
def write_tracks() -> Callable[..., Path]:
    """Write audio streams into a container, with pictures from 0 s on if a codec for them is named."""
    return lambda path, *tracks, pictures=None, kind=None: mux(path, tracks, pictures, kind)


def mux(path: Path, tracks, pictures: str | None = None, kind: str | None = None) -> Path:
    with av.open(str(path), "w", format=kind) as container:
        film = container.add_stream(pictures, rate=25) if pictures else None
        if film:
            film.width, film.height, film.pix_fmt = 32, 32, "yuv420p"
        streams = [add_track(container, track) for track in tracks]
        seconds = max(len(track.sound) / track.rate + track.delay for track in tracks)
        for number in range(round(25 * seconds) if film else 0):
            image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number % 255, np.uint8), format="rgb24")
            container.mux(film.encode(image))
        if film:
            container.mux(film.encode())
        for stream, track in zip(streams, tracks, strict=True):
            for packet in packets(stream, track):
                container.mux(packet)
    return path


def add_track(container, track: Track):
    stream = container.add_stream(track.codec, rate=track.rate, layout=LAYOUTS[track.sound.shape[1]])
    if track.default:
        stream.disposition = av.stream.Disposition.default
    return stream


def packets(stream, track: Track):
    layout = LAYOUTS[track.sound.shape[1]]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(track.sound.reshape(1, -1)), "flt", layout)
    frame.sample_rate, frame.pts = track.rate, 0
    if not stream.codec_context.is_open:
        stream.codec_context.open()  # only then it knows its frame size
    kinds = [kind.name for kind in stream.codec_context.codec.audio_formats]
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(
        "fltp" if "fltp" in kinds else kinds[0], layout, track.rate, frame_size=size
    )
    parts = (*resampler.resample(frame), *resampler.resample(None), None)
    for packet in (packet for part in parts for packet in stream.encode(part)):
        if track.lost[0] <= float(packet.pts * packet.time_base) < track.lost[1]:
            continue
        packet.pts += round(track.delay / packet.time_base)
        packet.dts = packet.pts
        yield packet


@pytest.fixture(scope="session")
def tones() -> Callable[..., np.ndarray]:
    """Sound whose second k is a tone of 300 + 110 k Hz: a shift in time is another tone; (samples, channels)."""

    def make(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
        time = np.arange(round(seconds * rate)) / rate
        sound = 0.3 * np.sin(2 * np.pi * (300 + 110 * np.floor(time)) * time)
        return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def pitch() -> Callable[[np.ndarray], float]:
    """The strongest frequency of samples at 16 kHz [Hz]."""

    def strongest(samples: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(spectrum.argmax()) * 16_000 / len(samples)

    return strongest
