"""Turns the start of a clip's sound into mono samples at 16 kHz for the encoder, or says why it cannot.

soundfile reads what libsndfile knows (wav, flac, ogg, mp3, aiff), PyAV the rest (mp4, mov, m4a, mkv,
webm). Decoding streams: of a 20-minute file of which 12 s are used, 12 s are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from cache.schema import SAMPLING_RATE, SILENCE_DB
from extract.errors import ClipError
from extract.sources import SourceClip

Samples = NDArray[np.float32]

MIN_SAMPLES = 400  # one wav2vec 2.0 frame; fewer crash the convolutions
MARGIN = 0.1  # seconds decoded beyond the cut, so that the resampling filter sees what follows
DAMAGE_TOLERANCE = 0.2  # seconds that codecs add or drop at the ends without being damaged
UNKNOWN_LENGTHS = {0, 0x7FFFFFFF, 0xFFFFFFFF}  # what streaming writers put into a wav header


@dataclass(frozen=True)
class Audio:
    """Decoded sound.

    Attributes:
        samples: (num_samples,) float32, mono, 16 kHz.
        cut: whether the clip went on after ``max_seconds``.
    """

    samples: Samples
    cut: bool

    @property
    def rms_db(self) -> float:
        """Loudness re full scale [dB], not below ``SILENCE_DB``."""
        power = float(np.mean(np.square(self.samples, dtype=np.float64)))
        return max(SILENCE_DB, 10 * float(np.log10(power))) if power else SILENCE_DB


class Decoder(Protocol):
    """An open sound file."""

    sampling_rate: int
    channels: int
    promised: float | None  # seconds the container says it holds, if it says so reliably

    def blocks(self, start: float, limit: int | None) -> Iterator[NDArray[np.float32]]:
        """Yield (samples, channels) float32 from ``start`` seconds on, at least ``limit`` if there are."""

    def close(self) -> None:
        """Let go of the file."""


def header_seconds(clip: SourceClip) -> float:
    """Return the clip's length from headers alone [s]; 0 when the file does not say or cannot be read."""
    try:
        decoder = _open(clip.path)
    except ClipError:
        return 0.0
    try:
        end = decoder.promised if decoder.promised is not None else 0.0
    finally:
        decoder.close()
    return max(0.0, (min(end, clip.end) if clip.end is not None else end) - clip.start)


def decode(clip: SourceClip, max_seconds: float) -> Audio:
    """Decode the first ``max_seconds`` of a clip (0: all of it).

    Raises:
        ClipError: with the reason code for the failures ledger.
    """
    decoder = _open(clip.path)
    try:
        _check_segment(clip, decoder)
        limit = (clip.end - clip.start) if clip.end is not None else None
        wanted = min(filter(None, [limit, max_seconds + MARGIN if max_seconds else None]), default=None)
        mono, ended = _collect(decoder, clip, wanted)
        rate, promised = decoder.sampling_rate, decoder.promised
    finally:
        decoder.close()
    _check_length(clip, promised, limit, len(mono) / rate, ended)
    if not np.isfinite(mono).all():
        raise ClipError("non_finite", "NaN or infinity in the audio")
    samples = mono if rate == SAMPLING_RATE else soxr.resample(mono, rate, SAMPLING_RATE).astype(np.float32)
    longest = round(max_seconds * SAMPLING_RATE) if max_seconds else len(samples)
    if len(samples) < MIN_SAMPLES:
        raise ClipError(
            "too_short", f"{len(samples)} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed"
        )
    return Audio(np.ascontiguousarray(samples[:longest]), len(samples) > longest)


def _open(path: Path) -> Decoder:
    try:
        return _SoundFile(path)
    except soundfile.LibsndfileError:
        return _AvFile(path)


def _check_segment(clip: SourceClip, decoder: Decoder) -> None:
    length = decoder.promised
    if clip.start < 0 or (clip.end is not None and clip.end <= clip.start):
        raise ClipError("bad_segment", f"segment {clip.start:g}-{clip.end:g} s is empty or reversed")
    if length is not None and (clip.end or clip.start) > length + DAMAGE_TOLERANCE:
        raise ClipError(
            "bad_segment", f"segment {clip.start:g}-{clip.end or 0:g} s, the file has {length:.2f} s"
        )
    if clip.channel is not None and not 0 <= clip.channel < decoder.channels:
        raise ClipError("bad_segment", f"channel {clip.channel}, the file has {decoder.channels} (from 0)")


def _collect(decoder: Decoder, clip: SourceClip, wanted: float | None) -> tuple[Samples, bool]:
    """Return mono samples of at most ``wanted`` seconds, and whether the file ended before that."""
    limit = None if wanted is None else round(wanted * decoder.sampling_rate)
    parts: list[Samples] = []
    count = 0
    for block in decoder.blocks(clip.start, limit):
        mono = block.mean(axis=1) if clip.channel is None else block[:, clip.channel]
        parts.append(mono.astype(np.float32, copy=False))
        count += len(mono)
        if limit is not None and count >= limit:
            return np.concatenate(parts)[:limit], False
    return (np.concatenate(parts) if parts else np.empty(0, np.float32)), True


def _check_length(
    clip: SourceClip, promised: float | None, limit: float | None, decoded: float, ended: bool
) -> None:
    if promised is None or not ended:
        return
    expected = promised - clip.start if limit is None else min(limit, promised - clip.start)
    if decoded < expected - DAMAGE_TOLERANCE:
        raise ClipError("damaged", f"promises {expected:.2f} s of sound, {decoded:.2f} s decode")


class _SoundFile:
    """libsndfile."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        if self.sampling_rate < 1 or self.channels < 1:
            raise ClipError("unreadable", f"header says {self.sampling_rate} Hz, {self.channels} channels")
        self.promised: float | None = self._promised_samples() / self.sampling_rate

    def _promised_samples(self) -> float:
        """libsndfile shortens a cut wav to what is there, and says so only in its log."""
        frames = int(self._file.frames)
        cut = re.search(r"^data : (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE)
        if cut is None or int(cut[1]) in UNKNOWN_LENGTHS or not int(cut[2]):
            return frames
        return frames * int(cut[1]) / int(cut[2])

    def blocks(self, start: float, limit: int | None) -> Iterator[NDArray[np.float32]]:
        # One read for all that is wanted: soundfile seeks after every read, and mpg123 decodes what
        # follows a seek without the bits of the frames before it.
        size = limit or max(1, int(self._file.frames))
        try:
            if start:
                self._file.seek(round(start * self.sampling_rate))
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                yield block
        except soundfile.SoundFileError as error:
            raise ClipError("damaged", f"decoding stops: {error}") from None

    def close(self) -> None:
        self._file.close()


class _AvFile:
    """FFmpeg's libraries through PyAV: the first audio stream of a container."""

    def __init__(self, path: Path) -> None:
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise ClipError("unreadable", f"no decoder reads it: {_reason(error)}") from None
        streams = self._container.streams.audio
        if not streams:
            self._container.close()
            raise ClipError("no_audio_stream", "the file has no sound")
        self._stream = streams[0]
        self.sampling_rate = int(self._stream.rate or 0)
        self.channels = int(self._stream.channels or 0)
        if self.sampling_rate < 1 or self.channels < 1:
            self._container.close()
            raise ClipError("unreadable", f"header says {self.sampling_rate} Hz, {self.channels} channels")
        self.promised = self._promised_seconds()

    def _promised_seconds(self) -> float | None:
        """The audio stream's own length; the container's counts only when nothing else is in it."""
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "").strip("\0 "))
        if tag:
            return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
        if len(self._container.streams) == 1 and self._container.duration is not None:
            return float(self._container.duration) / av.time_base
        return None

    def blocks(self, start: float, limit: int | None) -> Iterator[NDArray[np.float32]]:  # noqa: ARG002
        skip = round(start * self.sampling_rate)
        for block in self._decoded():
            if skip >= len(block):
                skip -= len(block)
                continue
            yield block[skip:]
            skip = 0

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        planar = av.AudioResampler(format="fltp", layout=self._stream.layout, rate=self.sampling_rate)
        try:
            for frame in self._container.decode(self._stream):
                for part in planar.resample(frame):
                    yield _array(part)
            for part in planar.resample(None):
                yield _array(part)
        except (av.error.FFmpegError, ValueError) as error:
            raise ClipError("damaged", f"decoding stops: {_reason(error)}") from None

    def close(self) -> None:
        self._container.close()


def _array(frame: Any) -> NDArray[np.float32]:
    planes: NDArray[np.float32] = frame.to_ndarray()
    return planes.T


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
