"""Decodes wav, flac, ogg and aiff files with libsndfile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile
from soundfile import SoundFileError

from extract.audio.decoders.sound_file import Block, block_size, check_header, faults
from extract.audio.decoders.wav_length import is_no_length, open_with_length
from extract.errors import ClipError

MANY_FRAMES = 1 << 62  # libsndfile's word for a length it does not know


class LibsndfileDecoder:
    """A file that libsndfile reads; see ``extract.audio.decoders.sound_file.Decoder``.

    Raises:
        SoundFileError: libsndfile does not know the codec or container inside, or cannot read it to its end.
        ClipError: ``unreadable``: the header makes no sense.
    """

    start, tracks, track, changes = 0.0, 1, 0, 0

    def __init__(self, path: Path) -> None:
        self._mended = open_with_length(path)
        # An absolute path: "-" alone would be the standard input. Bytes: of text it takes only what is UTF-8.
        try:
            self._file = soundfile.SoundFile(self._mended or os.fsencode(os.path.abspath(path)))
        except SoundFileError:
            if self._mended is not None:
                self._mended.close()
            raise
        self.container, self.codec = self._file.format.lower(), self._file.subtype.lower()
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        try:
            check_header(self.sampling_rate, self.channels)
            if self._file.frames >= MANY_FRAMES:  # a flac without its length fails at its last block
                raise SoundFileError("the file does not say how long it is")
        except (ClipError, SoundFileError):
            self.close()
            raise
        self.promised = self._promised_seconds()

    def _promised_seconds(self) -> float | None:
        """libsndfile shortens a cut wav to what is there, and says so only in its log."""
        frames = int(self._file.frames)
        cut = re.search(r"^data : (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE)
        if self._mended is not None or (cut and is_no_length(int(cut[1]))):
            return None
        if cut and int(cut[2]):
            frames = frames * int(cut[1]) // int(cut[2])
        return frames / self.sampling_rate

    def blocks(self, start: int) -> Iterator[Block]:
        """Yield (samples, channels) float32 from sample ``start`` on."""
        size = block_size(self.sampling_rate, self.channels)
        with faults("damaged", "decoding stops", SoundFileError):
            if start and self._file.seekable():
                self._file.seek(min(start, int(self._file.frames)))
                start = 0
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                if start < len(block):
                    yield block[start:]
                start = max(0, start - len(block))

    def measured(self) -> float | None:
        """Return the length of what is there [s]."""
        return int(self._file.frames) / self.sampling_rate

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        if self._mended is not None:
            self._mended.close()
