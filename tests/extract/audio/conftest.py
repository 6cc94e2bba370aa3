"""Clips of one file, and files that FFmpeg's own encoder writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from extract.audio.clip_length import clip_seconds
from extract.audio.headers import read_header
from extract.sources.clips import SourceClip


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
    return _encode


def _encode(path: Path, sound: np.ndarray, rate: int, codec: str, kind: str = "fltp") -> None:
    layout = {1: "mono", 8: "7.1"}[sound.shape[1]]
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(kind, layout, rate, frame_size=1152 if codec == "libmp3lame" else 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(track.encode(part))
        container.mux(track.encode())
