"""Writes real media files for the benches of extraction: a voice-like sound in every container."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

SOUNDFILE = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"}
AV_CODECS = {".mp4": "aac", ".m4a": "aac", ".mov": "aac", ".mkv": "aac", ".webm": "libopus"}


def voice(seconds: float, rate: int = 16_000, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """Harmonics under a slow envelope, in noise: (samples, channels) float32."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 100 + seed % 120
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    noise = np.random.default_rng(seed).standard_normal(len(time))
    sound = 0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) + 0.005 * noise
    return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)


def write(path: Path, sound: NDArray[np.float32], rate: int = 16_000) -> Path:
    """Write a media file in the container that its suffix names; mp4 and its like get a small picture too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".opus":
        soundfile.write(path, sound, rate, format="OGG", subtype="OPUS")
    elif path.suffix in SOUNDFILE:
        soundfile.write(path, sound, rate)
    else:
        _write_container(path, sound, rate)
    return path


def write_silent_film(path: Path) -> Path:
    """Write a video without a sound track."""
    _write_container(path, np.zeros((16_000, 1), np.float32), 16_000, sound_track=False)
    return path


def _write_container(path: Path, sound: NDArray[np.float32], rate: int, sound_track: bool = True) -> None:
    layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
    with av.open(str(path), "w") as container:
        picture = None
        if path.suffix in {".mp4", ".mov", ".mkv"}:
            picture = container.add_stream("mpeg4", rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        options = {"aac_coder": "fast"} if AV_CODECS[path.suffix] == "aac" else {}
        track = (
            container.add_stream(AV_CODECS[path.suffix], rate=rate, layout=layout, options=options)
            if sound_track
            else None
        )
        for number in range(round(10 * len(sound) / rate) if picture else 0):
            image = np.full((64, 64, 3), number % 255, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if picture:
            container.mux(picture.encode())
        if track:
            flat = path.suffix == ".webm"
            planes = sound.reshape(1, -1) if flat else np.ascontiguousarray(sound.T)
            frame = av.AudioFrame.from_ndarray(planes, "flt" if flat else "fltp", layout)
            frame.sample_rate, frame.pts = rate, 0
            container.mux(track.encode(frame))
            container.mux(track.encode())
