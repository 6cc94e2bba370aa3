"""Decodes every other sound or video file with FFmpeg's libraries, through PyAV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.format import Flags
from av.stream import Disposition

from extract.audio.decoders.clock import Clock
from extract.audio.decoders.demuxers import CLOCKED, STATES_LENGTH, TIMELINES, open_container
from extract.audio.decoders.sound_file import (
    DECODER_FAULTS,
    MAX_CHANNELS,
    RATES,
    Block,
    Gap,
    Piece,
    block_size,
    check_header,
    faults,
)
from extract.audio.decoders.wav_length import has_no_length
from extract.audio.rules import CURRENT, FIRST
from extract.errors import ClipError

LOST_TOLERANCE = 0.2  # seconds of undecodable packets (tags and junk at the ends) that are no damage
MP3_LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")  # in an mp3's first frame
PRIMING = 0.05  # seconds by which muxers move all streams back when an encoder's first samples come before 0
LEAST_START = 0.025  # seconds; less is the delay of a codec, which containers round and players ignore


class FfmpegDecoder:
    """One audio stream of a container; see ``extract.audio.decoders.sound_file.Decoder``.

    Args:
        path: of the file.
        head: its first bytes.
        track: which audio stream, counted from 0; None for the default one. One that is not there gives that too.
        rules: a version of ``extract.audio.rules``.

    Raises:
        ClipError: ``unreadable`` or ``no_audio_stream``.
    """

    def __init__(self, path: Path, head: bytes, track: int | None = None, rules: int = CURRENT) -> None:
        self._on_timeline = rules != FIRST
        self.changes = 0
        with faults("unreadable", "no decoder reads it", FFmpegError):
            self._container = open_container(path)
        try:
            with faults("unreadable", "no decoder reads it", FFmpegError):
                self._read_header(path, head, track)
        except ClipError:
            self._container.close()
            raise

    def _read_header(self, path: Path, head: bytes, track: int | None) -> None:
        streams = self._container.streams.audio
        if not streams:
            raise ClipError("no_audio_stream", "the file has no sound")
        self.tracks = len(streams)
        self.track = self._chosen(track)
        self._stream = streams[self.track]
        self._names, suffix = self._container.format.name.split(","), path.suffix[1:].lower()
        self.container = suffix if suffix in self._names else self._names[0]
        if self._stream.codec_context is None:
            raise ClipError("unreadable", "no decoder reads the codec of its sound")
        self.codec = str(self._stream.codec_context.name)
        self.sampling_rate = int(self._stream.rate or 0)
        self.channels = int(self._stream.channels or 0)
        check_header(self.sampling_rate, self.channels)
        self._tick = float(self._stream.time_base or 0)  # seconds: making the fraction anew takes its time
        self._is_clocked = bool(self._on_timeline and self._tick and CLOCKED & {*self._names})
        self.start = self._start_seconds() if self._on_timeline else 0.0
        self.promised = None if has_no_length(path) else self._promised_seconds(head)

    def _chosen(self, track: int | None) -> int:
        """The stream asked for; else the first that is marked as default, of those that can be decoded."""
        streams = self._container.streams.audio
        if track is not None and 0 <= track < len(streams):
            return track
        if not self._on_timeline:
            return 0
        usable = [number for number, stream in enumerate(streams) if stream.codec_context is not None]
        marked = [number for number in usable if streams[number].disposition & Disposition.default]
        return next(iter([*marked, *usable, 0]))

    def _start_seconds(self) -> float:
        """Where on the container's timeline the stream's first sample lies [s]."""
        stream, origin = self._stream, (self._container.start_time or 0) / av.time_base
        if stream.start_time is None or stream.time_base is None:
            return 0.0
        if TIMELINES & {*self._names} and origin >= PRIMING:
            origin = 0.0
        start = float(stream.start_time * stream.time_base) - origin
        return start if abs(start) >= LEAST_START else 0.0

    def _promised_seconds(self, head: bytes) -> float | None:
        """The audio stream's own length; the container's counts only when nothing else is in it."""
        stream = self._stream
        if self.container == "mp3":
            states = any(tag in head for tag in MP3_LENGTH_TAGS)
        else:
            states = bool(STATES_LENGTH & {*self._names})
        if not states:
            return None  # FFmpeg guesses from the bit rate of the first frames, or the last timestamp
        seconds = None
        begin = float((stream.start_time or 0) * (stream.time_base or 0))
        tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "").strip("\0 "))
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif tag:  # the end of the last packet on the timeline, not the length
            seconds = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - max(0.0, begin)
        elif len(self._container.streams) == 1 and self._container.duration is not None:
            seconds = float(self._container.duration) / av.time_base
            seconds -= max(0.0, begin) if "matroska" in self._names else 0.0
        return seconds if seconds is not None and seconds > 0 else None  # 0 is what a pipe leaves

    def blocks(self, start: int) -> Iterator[Piece]:
        """Yield (samples, channels) float32, and gaps, from sample ``start`` after the first one on."""
        skip, size = start, block_size(self.sampling_rate, self.channels)
        parts: list[Block] = []
        count = 0
        with faults("damaged", "decoding stops", FFmpegError):
            for frame in self._frames():
                if skip >= frame.samples:  # nothing is converted that nobody asked for
                    skip -= frame.samples
                    continue
                part = Gap(frame.samples - skip) if isinstance(frame, Gap) else _array(frame)[skip:]
                skip = 0
                if parts and (isinstance(part, Gap) or part.shape[1] != parts[0].shape[1]):
                    yield np.concatenate(parts)
                    parts, count = [], 0
                if isinstance(part, Gap):
                    yield part
                    continue
                parts.append(part)
                count += len(part)
                if count >= size:
                    yield np.concatenate(parts)
                    parts, count = [], 0
        if parts:
            yield np.concatenate(parts)

    def _frames(self) -> Iterator[Any]:
        """Yield float32 frames of one rate, and gaps; packets that do not decode are counted."""
        lost = 0.0
        converter = _Converter(self.sampling_rate)
        clock = Clock(bool(self._container.format.flags & Flags.ts_discont.value))
        with faults("damaged", "decoding stops", FFmpegError):
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except InvalidDataError:
                    lost += float((packet.duration or 0) * (packet.time_base or 0))
                    continue
                for frame in frames:
                    gap = self._gap(clock, frame)
                    if gap:
                        yield from converter.rest()
                        yield Gap(gap)
                    yield from converter.convert(frame)
                    self.changes = converter.changes
            yield from converter.rest()
        if lost > LOST_TOLERANCE:
            raise ClipError("damaged", f"{lost:.2f} s of its packets do not decode")

    def _gap(self, clock: Clock, frame: Any) -> int:
        """Return the samples that are missing before a frame."""
        if not self._is_clocked or not frame.sample_rate:
            return 0
        begin = None if frame.pts is None else frame.pts * self._tick
        return round(clock.gap_before(begin, frame.samples / frame.sample_rate) * self.sampling_rate)

    def measured(self) -> float | None:
        """Return the length from the packets, without decoding them [s]."""
        begin, end = float("inf"), 0.0
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is not None and packet.time_base is not None:
                    begin = min(begin, float(packet.pts * packet.time_base))
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except (FFmpegError, *DECODER_FAULTS):
            pass  # the length up to the damage is what can be planned with
        return end - max(0.0, begin) if end > begin else None

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


class _Converter:
    """Makes frames float32 of one rate; a stream that changes its rate, channels or format gets a new resampler.

    Attributes:
        changes: of rate or number of channels so far.
    """

    def __init__(self, rate: int) -> None:
        self.changes = 0
        self._rate = rate
        self._shape: tuple[int, int, str, str] | None = None
        self._resampler: Any = None

    def convert(self, frame: Any) -> Iterable[Any]:
        """Return what a frame gives."""
        rate, channels, kind = frame.sample_rate, frame.layout.nb_channels, frame.format.name
        # PyAV counts the planes of a frame past their end where there are eight or more, and crashes.
        is_plain = kind == "fltp" and rate == self._rate and channels <= 2
        shape = rate, channels, kind, "" if is_plain else frame.layout.name
        before: Iterable[Any] = ()
        if shape != self._shape:
            before = self.rest()
            self._begin(shape)
        if is_plain:
            return (*before, frame)
        if self._resampler is None:
            self._resampler = av.AudioResampler("flt", frame.layout, self._rate)
        return *before, *self._resampler.resample(frame)

    def _begin(self, shape: tuple[int, int, str, str]) -> None:
        rate, channels = shape[:2]
        if rate not in RATES or not 1 <= channels <= MAX_CHANNELS:
            raise ClipError("damaged", f"its sound changes to {rate} Hz, {channels} channels")
        self.changes += self._shape is not None and self._shape[:2] != shape[:2]
        self._shape = shape

    def rest(self) -> Iterable[Any]:
        """Return what the resampler still holds; what comes next gets one of its own."""
        held = [] if self._resampler is None else self._resampler.resample(None)
        self._resampler = None
        return held


def _array(frame: Any) -> Block:
    """Return (samples, channels); a frame that went through the resampler holds them in one plane."""
    channels = frame.layout.nb_channels
    if channels == 1:  # the same samples, without the copy that joins the planes of several channels
        mono: Block = np.frombuffer(frame.planes[0], np.float32, frame.samples)
        return mono[:, None]
    values: Block = frame.to_ndarray()
    return values.T if frame.format.is_planar else values.reshape(-1, channels)
