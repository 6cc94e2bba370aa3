"""The demo's sounds as real media files: wav, flac, mp3, and mp4 with pictures."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from extract.demo.voice import SAMPLING_RATE

_FLAC_RATE = 44_100  # Hz
_MP4_RATE = 48_000  # Hz
_FRAME_RATE = 10  # pictures per second
_FRAME_SIZE = 64  # pixels


def write_sound(path: Path, suffix: str, sound: NDArray[np.float32]) -> None:
    """Write (num_samples,) at 16 kHz in the format that the suffix names."""
    if suffix == ".mp4":
        _write_video(path, sound)
    elif suffix == ".flac":
        resampled = soxr.resample(sound, SAMPLING_RATE, _FLAC_RATE)
        soundfile.write(path, resampled, _FLAC_RATE, format="FLAC", subtype="PCM_16")
    elif suffix == ".mp3":
        soundfile.write(path, sound, SAMPLING_RATE, format="MP3", subtype="MPEG_LAYER_III")
    else:
        soundfile.write(path, sound, SAMPLING_RATE, format="WAV", subtype="PCM_16")


def _write_video(path: Path, sound: NDArray[np.float32]) -> None:
    """Write AAC stereo sound beside pictures that are as bright as the sound is loud."""
    stereo = np.repeat(soxr.resample(sound, SAMPLING_RATE, _MP4_RATE)[None], 2, axis=0)
    target = os.path.abspath(path)  # FFmpeg takes a folder called "http:" for an address
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("mpeg4", rate=_FRAME_RATE)
        video.width = video.height = _FRAME_SIZE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_MP4_RATE, layout="stereo", options={"aac_coder": "fast"})
        for picture in _pictures(sound):
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo), format="fltp", layout="stereo")
        samples.sample_rate = _MP4_RATE
        samples.pts = 0
        samples.time_base = Fraction(1, _MP4_RATE)
        container.mux(audio.encode(samples))
        container.mux(audio.encode(None))


def _pictures(sound: NDArray[np.float32]) -> list[av.VideoFrame]:
    hop = SAMPLING_RATE // _FRAME_RATE
    pictures = []
    for index, begin in enumerate(range(0, len(sound), hop)):
        grey = np.uint8(255 * min(1.0, 2 * float(np.abs(sound[begin : begin + hop]).max())))
        picture = av.VideoFrame.from_ndarray(np.full((_FRAME_SIZE, _FRAME_SIZE), grey), format="gray")
        picture.pts = index
        picture.time_base = Fraction(1, _FRAME_RATE)
        pictures.append(picture)
    return pictures
