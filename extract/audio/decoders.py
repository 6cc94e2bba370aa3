"""Opens one sound file, of clips → extract → cache: libsndfile for wav, flac, ogg and aiff, FFmpeg for the rest.

mp3 goes to FFmpeg too: the mpg123 inside libsndfile decodes some valid 16 kHz files to noise and only says
so on stderr. What a file is decides its first bytes, never its name.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from extract.errors import ClipError

Block = NDArray[np.float32]

BLOCK = 1.0  # seconds per block
BLOCK_NUMBERS = 1 << 21  # samples × channels a block may hold, whatever a header claims
RATES = range(1_000, 800_000)  # Hz; anything else is a broken header
MAX_CHANNELS = 256
LOST_TOLERANCE = 0.2  # seconds of undecodable packets (tags and junk at the ends) that are no damage
UNKNOWN_LENGTHS = {0, 0x7FFFFFFF, 0xFFFFFFFF}  # what streaming writers put into a wav header
LIBSNDFILE_STARTS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM")
HEAD_BYTES = 4096
MP3_LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")  # in an mp3's first frame
# What native decoders and their Python bindings have been seen to raise on bytes they were not written for.
# It is caught around calls into them only: the same fault in our own code ends the run.
DECODER_FAULTS = (
    av.error.FFmpegError, soundfile.SoundFileError, OSError, ValueError, RuntimeError, ArithmeticError,
    LookupError, EOFError, MemoryError, AttributeError, TypeError,
)  # fmt: skip


class Decoder(Protocol):
    """An open sound file.

    Attributes:
        promised: seconds the container says it holds; None when it does not say, or not reliably.
    """

    container: str
    codec: str
    sampling_rate: int
    channels: int
    promised: float | None

    def blocks(self, start: int) -> Iterator[Block]:
        """Yield (samples, channels) float32 from sample ``start`` on.

        Raises:
            ClipError: ``damaged`` where decoding stops before the end.
        """

    def measured(self) -> float | None:
        """Return the length from the packets, without decoding them [s]; ends the decoder's use."""

    def close(self) -> None:
        """Let go of the file."""


def open_sound(path: Path) -> Decoder:
    """Open a sound or video file by what its first bytes say.

    Raises:
        ClipError: ``not_found``, ``unreadable`` or ``no_audio_stream``.
    """
    start = _start(path)
    if start.startswith(LIBSNDFILE_STARTS):
        try:
            return _SoundFile(path)
        except soundfile.SoundFileError:
            pass  # a codec or container inside that libsndfile does not know
    return _AvFile(path, start)


def _start(path: Path) -> bytes:
    """Return the first bytes of a regular file; a pipe would wait for ever."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ClipError("unreadable", "not a regular file")
        with path.open("rb") as file:
            start = file.read(HEAD_BYTES)
            if start.startswith(b"ID3") and len(start) >= 10:  # tags and pictures come before the first frame
                size = sum(byte << 7 * place for place, byte in enumerate(reversed(start[6:10])))
                file.seek(10 + size)
                start = start[:3] + file.read(HEAD_BYTES)
            return start
    except FileNotFoundError:
        raise ClipError("not_found", "the file is gone, or a link to nowhere") from None
    except OSError as error:
        raise ClipError("unreadable", f"cannot be read: {error.strerror}") from None


@contextmanager
def _faults(reason: str, what: str) -> Iterator[None]:
    """Turn whatever a decoder raises into the clip's entry in the ledger."""
    try:
        yield
    except ClipError:
        raise
    except DECODER_FAULTS as error:
        text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
        raise ClipError(reason, f"{what}: {text.splitlines()[0][:200]}") from None


def _check_header(rate: int, channels: int) -> None:
    if rate not in RATES or not 1 <= channels <= MAX_CHANNELS:
        raise ClipError("unreadable", f"header says {rate} Hz, {channels} channels")


def _block_size(rate: int, channels: int) -> int:
    return max(1, min(round(BLOCK * rate), BLOCK_NUMBERS // channels))


class _SoundFile:
    """libsndfile."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)
        self.container, self.codec = self._file.format.lower(), self._file.subtype.lower()
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        try:
            _check_header(self.sampling_rate, self.channels)
        except ClipError:
            self._file.close()
            raise
        self.promised = self._promised()

    def _promised(self) -> float | None:
        """libsndfile shortens a cut wav to what is there, and says so only in its log."""
        frames = int(self._file.frames)
        if frames >= 1 << 62:
            return None
        cut = re.search(r"^data : (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE)
        if cut and int(cut[1]) not in UNKNOWN_LENGTHS and int(cut[2]):
            frames = frames * int(cut[1]) // int(cut[2])
        return frames / self.sampling_rate

    def blocks(self, start: int) -> Iterator[Block]:
        size = _block_size(self.sampling_rate, self.channels)
        with _faults("damaged", "decoding stops"):
            if start:
                self._file.seek(start)
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                yield block

    def measured(self) -> float | None:
        return None

    def close(self) -> None:
        self._file.close()


class _AvFile:
    """FFmpeg's libraries through PyAV: the first audio stream of a container."""

    def __init__(self, path: Path, start: bytes) -> None:
        with _faults("unreadable", "no decoder reads it"):
            self._container = av.open(str(path), metadata_errors="replace")
        try:
            with _faults("unreadable", "no decoder reads it"):
                self._read_header(path, start)
        except ClipError:
            self._container.close()
            raise

    def _read_header(self, path: Path, start: bytes) -> None:
        if not self._container.streams.audio:
            raise ClipError("no_audio_stream", "the file has no sound")
        self._stream = self._container.streams.audio[0]
        names, suffix = self._container.format.name.split(","), path.suffix[1:].lower()
        self.container = suffix if suffix in names else names[0]
        self.codec = str(self._stream.codec_context.name)
        self.sampling_rate = int(self._stream.rate or 0)
        self.channels = int(self._stream.channels or 0)
        _check_header(self.sampling_rate, self.channels)
        self._layout = str(self._stream.layout.name)  # a broken stream may change it on the way
        self.promised = self._promised(start)

    def _promised(self, start: bytes) -> float | None:
        """The audio stream's own length; the container's counts only when nothing else is in it."""
        stream = self._stream
        if self.container == "mp3" and not any(tag in start for tag in MP3_LENGTH_TAGS):
            return None  # FFmpeg guesses from the bit rate of the first frames
        seconds = None
        tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "").strip("\0 "))
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif tag:
            seconds = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
        elif len(self._container.streams) == 1 and self._container.duration is not None:
            seconds = float(self._container.duration) / av.time_base
        return seconds if seconds is not None and seconds >= 0 else None

    def blocks(self, start: int) -> Iterator[Block]:
        skip, size = start, _block_size(self.sampling_rate, self.channels)
        parts: list[Block] = []
        count = 0
        with _faults("damaged", "decoding stops"):
            for frame in self._frames():
                samples = frame.samples
                if skip >= samples:  # nothing is converted that nobody asked for
                    skip -= samples
                    continue
                part = self._array(frame)
                parts.append(part[skip:] if skip else part)
                count += samples - skip
                skip = 0
                if count >= size:
                    yield np.concatenate(parts)
                    parts, count = [], 0
        if parts:
            yield np.concatenate(parts)

    def _frames(self) -> Iterator[Any]:
        """Yield float32 frames of one rate and layout; packets that do not decode are counted."""
        lost = 0.0
        resampler: Any = None
        with _faults("damaged", "decoding stops"):
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    lost += float((packet.duration or 0) * (packet.time_base or 0))
                    continue
                for frame in frames:
                    if resampler is None and self._plain(frame):
                        yield frame
                        continue
                    resampler = resampler or av.AudioResampler("flt", self._layout, self.sampling_rate)
                    yield from resampler.resample(frame)
            if resampler is not None:
                yield from resampler.resample(None)
        if lost > LOST_TOLERANCE:
            raise ClipError("damaged", f"{lost:.2f} s of its packets do not decode")

    def _plain(self, frame: Any) -> bool:
        """PyAV counts the planes of a frame past their end where there are eight or more, and crashes."""
        same = frame.sample_rate == self.sampling_rate and frame.layout.nb_channels == self.channels
        return bool(same and frame.format.name == "fltp" and self.channels <= 2)

    def _array(self, frame: Any) -> Block:
        """Return (samples, channels); a frame that went through the resampler holds them in one plane."""
        if self.channels == 1:  # the same samples, without the copy that joins the planes of several channels
            mono: Block = np.frombuffer(frame.planes[0], np.float32, frame.samples)
            return mono[:, None]
        values: Block = frame.to_ndarray()
        return values.T if frame.format.is_planar else values.reshape(-1, self.channels)

    def measured(self) -> float | None:
        ends = [0.0]
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is not None and packet.time_base is not None:
                    ends.append(float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except DECODER_FAULTS:
            pass  # the length up to the damage is what can be planned with
        return max(ends) or None

    def close(self) -> None:
        self._container.close()
