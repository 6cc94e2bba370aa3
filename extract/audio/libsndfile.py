"""Decodes wav, flac, ogg and aiff files with libsndfile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile
from soundfile import SoundFileError

from extract.audio.sound_file import Block, block_size, check_header, faults
from extract.errors import ClipError

UNKNOWN_LENGTHS = {0, 0x7FFFFFFF, 0xFFFFFFFF}  # what streaming writers put into a wav header


class LibsndfileDecoder:
    """A file that libsndfile reads; see ``extract.audio.sound_file.Decoder``.

    Raises:
        SoundFileError: libsndfile does not know the codec or container inside.
        ClipError: ``unreadable``: the header makes no sense.
    """

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(os.fsencode(path))  # of text it takes only what is UTF-8
        self.container, self.codec = self._file.format.lower(), self._file.subtype.lower()
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        try:
            check_header(self.sampling_rate, self.channels)
        except ClipError:
            self._file.close()
            raise
        self.promised = self._promised_seconds()

    def _promised_seconds(self) -> float | None:
        """libsndfile shortens a cut wav to what is there, and says so only in its log."""
        frames = int(self._file.frames)
        if frames >= 1 << 62:
            return None
        cut = re.search(r"^data : (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE)
        if cut and int(cut[1]) not in UNKNOWN_LENGTHS and int(cut[2]):
            frames = frames * int(cut[1]) // int(cut[2])
        return frames / self.sampling_rate

    def blocks(self, start: int) -> Iterator[Block]:
        """Yield (samples, channels) float32 from sample ``start`` on."""
        size = block_size(self.sampling_rate, self.channels)
        with faults("damaged", "decoding stops", SoundFileError):
            if start:
                self._file.seek(start)
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                yield block

    def measured(self) -> float | None:
        """Return None: libsndfile tells the length from the header or not at all."""
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
