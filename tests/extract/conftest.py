"""Real media files in every container, and a tiny encoder in the layout of the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

AV_CODECS = {
    ".mp4": ("aac", "fltp"),
    ".m4a": ("aac", "fltp"),
    ".mov": ("aac", "fltp"),
    ".mkv": ("aac", "fltp"),
    ".webm": ("libopus", "flt"),
}
VIDEO_CODECS = {".mp4": "mpeg4", ".mov": "mpeg4", ".mkv": "mpeg4", ".webm": "libvpx"}
SOUNDFILE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
}


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    """Harmonics of 150 Hz under a slow envelope: (samples, channels) float32."""

    def make(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, seed: int = 0) -> np.ndarray:
        time = np.arange(round(seconds * rate)) / rate
        tone = sum(np.sin(2 * np.pi * 150 * (1 + 0.01 * seed) * k * time) / k for k in range(1, 12))
        sound = 0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
        return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write_media() -> Callable[..., Path]:
    """Write sound (and a picture, where the container is a video's) to a real media file."""

    def write(path: Path, sound: np.ndarray, rate: int = 16_000, subtype: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in SOUNDFILE:
            kind, default = SOUNDFILE[path.suffix]
            soundfile.write(path, sound, rate, format=kind, subtype=subtype or default)
        else:
            write_container(path, sound, rate)
        return path

    return write


def write_container(path: Path, sound: np.ndarray, rate: int, audio: bool = True) -> None:
    codec, sample_format = AV_CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        picture = None
        if path.suffix in VIDEO_CODECS:
            picture = container.add_stream(VIDEO_CODECS[path.suffix], rate=10)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        track = container.add_stream(codec, rate=rate, layout=layout(sound)) if audio else None
        for number in range(round(10 * len(sound) / rate) if picture else 0):
            image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number % 255, np.uint8), format="rgb24")
            container.mux(picture.encode(image))
        if picture:
            container.mux(picture.encode())
        if track:
            planes = sound.T if sample_format == "fltp" else sound.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), sample_format, layout(sound))
            frame.sample_rate = rate
            frame.pts = 0
            container.mux(track.encode(frame))
            container.mux(track.encode())


def layout(sound: np.ndarray) -> str:
    return {1: "mono", 2: "stereo"}[sound.shape[1]]


@pytest.fixture(scope="session")
def write_silent_film() -> Callable[[Path], Path]:
    """A video without a sound track."""

    def write(path: Path) -> Path:
        write_container(path, np.zeros((16_000, 1), np.float32), 16_000, audio=False)
        return path

    return write


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with random weights, in the very layout of the published one."""
    from extract.encoders.tiny import save_tiny_encoder

    folder = tmp_path_factory.mktemp("encoder")
    save_tiny_encoder(folder, seed=1)
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Tiny matrices gain nothing from threads, and lose much when the cores are shared."""
    import torch

    torch.set_num_threads(1)
