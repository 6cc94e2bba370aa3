"""Decodes every other sound or video file with FFmpeg's libraries, through PyAV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError

from extract.audio.sound_file import DECODER_FAULTS, Block, block_size, check_header, faults
from extract.errors import ClipError

LOST_TOLERANCE = 0.2  # seconds of undecodable packets (tags and junk at the ends) that are no damage
MP3_LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")  # in an mp3's first frame


class FfmpegDecoder:
    """The first audio stream of a container; see ``extract.audio.sound_file.Decoder``.

    Raises:
        ClipError: ``unreadable`` or ``no_audio_stream``.
    """

    def __init__(self, path: Path, start: bytes) -> None:
        with faults("unreadable", "no decoder reads it", FFmpegError):
            self._container = av.open(str(path), metadata_errors="replace")
        try:
            with faults("unreadable", "no decoder reads it", FFmpegError):
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
        check_header(self.sampling_rate, self.channels)
        self._layout = str(self._stream.layout.name)  # a broken stream may change it on the way
        self.promised = self._promised_seconds(start)

    def _promised_seconds(self, start: bytes) -> float | None:
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
        """Yield (samples, channels) float32 from sample ``start`` on."""
        skip, size = start, block_size(self.sampling_rate, self.channels)
        parts: list[Block] = []
        count = 0
        with faults("damaged", "decoding stops", FFmpegError):
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
        with faults("damaged", "decoding stops", FFmpegError):
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except InvalidDataError:
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
        """Return the length from the packets, without decoding them [s]."""
        ends = [0.0]
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is not None and packet.time_base is not None:
                    ends.append(float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except (FFmpegError, *DECODER_FAULTS):
            pass  # the length up to the damage is what can be planned with
        return max(ends) or None

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
