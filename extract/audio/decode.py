"""Turns clips into mono samples at 16 kHz for the encoder, or says why it cannot: clips → extract → cache.

Decoding streams: of a 20-minute file of which 12 s are used, 12 s are decoded; of an hour that a manifest
cuts into segments, all segments come from one pass.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from cache.format.schema import SAMPLING_RATE, SILENCE_DB
from extract.audio.decoders import Block, Decoder, open_sound
from extract.audio.headers import Header
from extract.errors import ClipError
from extract.sources.clips import SourceClip

Samples = NDArray[np.float32]

MIN_SAMPLES = 400  # one wav2vec 2.0 frame; fewer crash the convolutions
MARGIN = 0.1  # seconds decoded beyond the cut, so that the resampling filter sees what follows
DAMAGE_TOLERANCE = 0.2  # seconds that codecs add or drop at the ends without being damaged


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


def clip_seconds(clip: SourceClip, header: Header) -> float:
    """Return a clip's length [s] in a file with this header; 0 when the file does not say."""
    end = header.seconds or 0.0
    return max(0.0, (min(end, clip.end) if clip.end is not None else end) - clip.start)


def decode(clip: SourceClip, max_seconds: float) -> Audio:
    """Decode the first ``max_seconds`` of a clip (0: all of it).

    Raises:
        ClipError: with the reason code for the failures ledger.
    """
    result = decode_file([clip], max_seconds)[clip.clip_id]
    if isinstance(result, ClipError):
        raise result
    return result


def decode_file(clips: Sequence[SourceClip], max_seconds: float) -> dict[str, Audio | ClipError]:
    """Decode clips of one file in one pass over it.

    Args:
        clips: segments of the same file, in any order; they may overlap.
        max_seconds: of every clip, the first so many seconds (0: all of it).

    Returns:
        Clip id → its sound, or why there is none: one bad segment spoils no other.
    """
    stat = source_stat(clips[0].path) or (0, 0)
    try:
        decoder = open_sound(clips[0].path)
    except ClipError as error:
        return {clip.clip_id: error for clip in clips}
    try:
        cuts = [_Cut(clip, decoder, max_seconds) for clip in clips]
        stop = _collect(decoder, [cut for cut in cuts if cut.error is None])
    finally:
        decoder.close()
    return {cut.clip.clip_id: cut.finish(max_seconds, stop, stat) for cut in cuts}


class _Cut:
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
            self._parts.append(_mono(part, self.clip.channel))
        if self.stop is not None and position + len(block) >= self.stop:
            self.ended = False
        return self.ended

    def finish(self, max_seconds: float, stop: ClipError | None, stat: tuple[int, int]) -> Audio | ClipError:
        """Return the clip's samples at 16 kHz, or why there are none."""
        error = self.error or (stop if self.ended else None)
        if error is not None:
            return error
        mono = np.concatenate(self._parts) if self._parts else np.empty(0, np.float32)
        self._parts.clear()
        try:
            self._check_length(len(mono) / self._rate)
            samples = _resampled(mono, self._rate)
        except ClipError as refusal:
            return refusal
        longest = round(max_seconds * SAMPLING_RATE) if max_seconds else len(samples)
        used = np.ascontiguousarray(samples[:longest], dtype="<f4")
        digest = hashlib.sha256(used.data).hexdigest()
        return Audio(used, len(samples) > longest, _rms_db(used), digest, *stat)

    def _check_length(self, decoded: float) -> None:
        if self._promised is None or not self.ended:
            return
        left = self._promised - self.clip.start
        expected = left if self._limit is None else min(self._limit, left)
        if decoded < expected - DAMAGE_TOLERANCE:
            raise ClipError("damaged", f"promises {expected:.2f} s of sound, {decoded:.2f} s decode")


def segment_error(clip: SourceClip, promised: float | None, channels: int) -> ClipError | None:
    """Say why a file with so many seconds, if it says how many, and channels cannot hold the clip, or None."""
    segment = f"segment {clip.start:g}-{'end' if clip.end is None else f'{clip.end:g}'} s"
    if clip.start < 0 or (clip.end is not None and clip.end <= clip.start):
        return ClipError("bad_segment", f"{segment} is empty, reversed or before the file's start")
    if promised is not None and (clip.end or clip.start) > promised + DAMAGE_TOLERANCE:
        return ClipError("bad_segment", f"{segment}, the file has {promised:.2f} s")
    if clip.channel is not None and not 0 <= clip.channel < channels:
        return ClipError("bad_segment", f"channel {clip.channel}, the file has {channels} (from 0)")
    return None


def _collect(decoder: Decoder, cuts: list[_Cut]) -> ClipError | None:
    """Hand every block to the clips that want it, no further than they want; return what stopped it early."""
    if not cuts:
        return None
    position = min(cut.first for cut in cuts)
    try:
        for block in decoder.blocks(position):
            cuts = [cut for cut in cuts if cut.take(block, position)]
            position += len(block)
            if not cuts:
                break
    except ClipError as error:
        return error
    return None


def _mono(block: Block, channel: int | None) -> Samples:
    if channel is not None or block.shape[1] == 1:
        return np.ascontiguousarray(block[:, channel or 0])
    total = block[:, 0].copy()
    for other in range(1, block.shape[1]):
        total += block[:, other]
    total /= np.float32(block.shape[1])
    return total


def _resampled(mono: Samples, rate: int) -> Samples:
    if not np.isfinite(mono).all():
        raise ClipError("non_finite", "NaN or infinity in the audio")
    samples = mono if rate == SAMPLING_RATE else soxr.resample(mono, rate, SAMPLING_RATE)
    if len(samples) < MIN_SAMPLES:
        raise ClipError(
            "too_short", f"{len(samples)} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed"
        )
    return samples.astype(np.float32, copy=False)


def _rms_db(samples: Samples) -> float:
    exact = samples.astype(np.float64)
    power = float(np.einsum("i,i->", exact, exact)) / max(1, len(exact))  # no BLAS: it may start threads
    return max(SILENCE_DB, 10 * float(np.log10(power))) if power else SILENCE_DB


def source_stat(path: Path) -> tuple[int, int] | None:
    """Return size [bytes] and modification time [ns] of a file, or None when it cannot be had."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
