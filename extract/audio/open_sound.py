"""Opens a sound file with the decoder that fits what its first bytes say it is, whatever its name.

libsndfile reads wav, flac, ogg and aiff, FFmpeg the rest and what libsndfile refuses. mp3 goes to FFmpeg too: the
mpg123 inside libsndfile decodes some valid 16 kHz files to noise and only says so on stderr.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from extract.audio.decoders.sound_file import Decoder
from extract.audio.rules import CURRENT
from extract.errors import ClipError

LIBSNDFILE_STARTS = (b"RIFF", b"RIFX", b"RF64", b"riff\x2e\x91\xcf\x11", b"fLaC", b"OggS", b"FORM")
HEAD_BYTES = 4096


def open_sound(path: Path, track: int | None = None, rules: int = CURRENT) -> Decoder:
    """Open a sound or video file by what its first bytes say.

    Args:
        path: of the file.
        track: which of its audio streams, counted from 0; None for the default one.
        rules: a version of ``extract.audio.rules``.

    Raises:
        ClipError: ``not_found``, ``unreadable`` or ``no_audio_stream``.
    """
    start = _start(path)
    # The decoders' libraries load with the first file: a run that finds nothing to do needs none.
    if start.startswith(LIBSNDFILE_STARTS):
        from soundfile import SoundFileError

        from extract.audio.decoders.libsndfile import LibsndfileDecoder

        try:
            return LibsndfileDecoder(path)
        except (SoundFileError, OSError):
            pass  # a file that is gone by now, or a codec, container or length that libsndfile does not know
    from extract.audio.decoders.ffmpeg import FfmpegDecoder

    return FfmpegDecoder(path, start, track, rules)


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
