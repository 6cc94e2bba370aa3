"""One clip on its way out of its file: it keeps what belongs to it of the blocks that are decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from cache.format.schema import SAMPLING_RATE
from extract.audio.clip_length import DAMAGE_TOLERANCE, segment_error
from extract.audio.samples import Samples, mono, resampled, rms_db
from extract.audio.sound_file import Block, Decoder
from extract.errors import ClipError
from extract.sources.clips import SourceClip

MARGIN = 0.1  # seconds decoded beyond the cut, so that the resampling filter sees what follows


@dataclass(frozen=True)
class Audio:
    """Decoded sound, and the file it came from as that was just before it was decoded.

    Attributes:
        samples: (num_samples,) float32, mono, 16 kHz.
        cut: whether the clip went on after ``max_seconds``.
        rms_db: loudness re full scale [dB], not below ``SILENCE_DB``.
        sha256: of the samples as little-endian float32.
        source_bytes: size of the file [bytes].
        source_mtime_ns: its modification time [ns].
    """

    samples: Samples
    cut: bool
    rms_db: float
    sha256: str
    source_bytes: int
    source_mtime_ns: int


class Cut:
    """One clip on its way out of its file.

    Attributes:
        first: the first sample wanted, at the file's rate.
        stop: one after the last sample wanted; None for the end of the file.
        error: why the clip cannot be had, if that is known before decoding.
    """

    def __init__(self, clip: SourceClip, decoder: Decoder, max_seconds: float) -> None:
        self.clip = clip
        self._rate, self._promised = decoder.sampling_rate, decoder.promised
        self._limit = (clip.end - clip.start) if clip.end is not None else None
        wanted = min(filter(None, [self._limit, max_seconds + MARGIN if max_seconds else None]), default=None)
        self.error = segment_error(clip, decoder.promised, decoder.channels)
        self.first = round(max(0.0, clip.start) * self._rate)
        self.stop = None if wanted is None else self.first + round(wanted * self._rate)
        self._parts: list[Samples] = []
        self.ended = True

    def take(self, block: Block, position: int) -> bool:
        """Keep what belongs to the clip of a block at ``position``; say whether more is wanted."""
        stop = None if self.stop is None else max(0, self.stop - position)
        part = block[max(0, self.first - position) : stop]
        if len(part):
            self._parts.append(mono(part, self.clip.channel))
        if self.stop is not None and position + len(block) >= self.stop:
            self.ended = False
        return self.ended

    def finish(self, max_seconds: float, stop: ClipError | None, stat: tuple[int, int]) -> Audio | ClipError:
        """Return the clip's samples at 16 kHz, or why there are none."""
        error = self.error or (stop if self.ended else None)
        if error is not None:
            return error
        whole = np.concatenate(self._parts) if self._parts else np.empty(0, np.float32)
        self._parts.clear()
        try:
            self._check_length(len(whole) / self._rate)
            samples = resampled(whole, self._rate)
        except ClipError as refusal:
            return refusal
        longest = round(max_seconds * SAMPLING_RATE) if max_seconds else len(samples)
        used = np.ascontiguousarray(samples[:longest], dtype="<f4")
        digest = hashlib.sha256(used.data).hexdigest()
        return Audio(used, len(samples) > longest, rms_db(used), digest, *stat)

    def _check_length(self, decoded: float) -> None:
        if self._promised is None or not self.ended:
            return
        left = self._promised - self.clip.start
        expected = left if self._limit is None else min(self._limit, left)
        if decoded < expected - DAMAGE_TOLERANCE:
            raise ClipError("damaged", f"promises {expected:.2f} s of sound, {decoded:.2f} s decode")
