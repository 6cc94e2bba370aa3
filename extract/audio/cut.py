"""One clip on its way out of its file: it keeps what belongs to it of the blocks that are decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from cache.format.schema import SAMPLING_RATE
from extract.audio.clip_length import DAMAGE_TOLERANCE, segment_error, segment_text
from extract.audio.decoders.sound_file import Decoder, Gap, Piece
from extract.audio.mixing import Levels, Mix, Mixes, mono
from extract.audio.notes import Notes, notes_of
from extract.audio.samples import LEAST_SECONDS, Samples, resampled, rms_db
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
        notes: what is out of the ordinary, for the commit record.
    """

    samples: Samples
    cut: bool
    rms_db: float
    sha256: str
    source_bytes: int
    source_mtime_ns: int
    notes: Notes = field(default_factory=dict)


class Cut:
    """One clip on its way out of its file.

    Args:
        clip: what is wanted.
        decoder: of its file.
        max_seconds: of the clip, the first so many seconds (0: all of it).
        mixes: number of channels → how they are mixed, where a pass before this one has found that out; None for
            the mean of all.

    Attributes:
        first: the first sample wanted, at the file's rate, counted from where its sound begins.
        stop: one after the last sample wanted; None for the end of the file.
        error: why the clip cannot be had, if that is known before decoding.
    """

    def __init__(
        self, clip: SourceClip, decoder: Decoder, max_seconds: float, mixes: Mixes | None = None
    ) -> None:
        self.clip = clip
        self.mixes = mixes
        self._decoder, self._rate = decoder, decoder.sampling_rate
        self._begin = 0.0 if clip.is_whole else decoder.start
        self._limit = (clip.end - clip.start) if clip.end is not None else None
        wanted = min(filter(None, [self._limit, max_seconds + MARGIN if max_seconds else None]), default=None)
        self.error = segment_error(clip, decoder)
        first = round(max(0.0, clip.start) * self._rate) - round(self._begin * self._rate)
        self.first = max(0, first)
        self.stop = None if wanted is None else max(0, first + round(wanted * self._rate))
        self._parts: list[Samples] = [np.zeros(max(0, -first), np.float32)]  # what lies before the sound
        self._filled = max(0, -first)  # samples of silence for which the file has no sound
        self._levels: dict[int, Levels] = {}
        self.ended = True

    def take(self, piece: Piece, position: int) -> bool:
        """Keep what belongs to the clip of a piece at ``position``; say whether more is wanted."""
        begin = max(0, self.first - position)
        end = len(piece) if self.stop is None else min(len(piece), max(0, self.stop - position))
        if end > begin:
            self._keep(piece, begin, end)
        if self.stop is not None and position + len(piece) >= self.stop:
            self.ended = False
        return self.ended

    def _keep(self, piece: Piece, begin: int, end: int) -> None:
        if isinstance(piece, Gap):
            self._parts.append(np.zeros(end - begin, np.float32))
            self._filled += end - begin
            return
        part = piece[begin:end]
        channels = part.shape[1]
        if self.clip.channel is not None:  # a stream may go on with fewer channels than it began with
            self._parts.append(mono(part, [min(self.clip.channel, channels - 1)]))
            return
        mix = self.mixes.get(channels) if self.mixes else None
        self._parts.append(mono(part, mix.channels if mix else None))
        if self.mixes is None and channels > 1:
            self._levels.setdefault(channels, Levels(channels)).add(part, self._parts[-1])

    def better_mixes(self) -> dict[int, Mix] | None:
        """Return how the clip's channels are to be mixed instead; None where the mean of all will do."""
        mixes = {channels: levels.mix() for channels, levels in self._levels.items()}
        return None if all(mix.is_mean_of_all for mix in mixes.values()) else mixes

    def finish(self, max_seconds: float, stop: ClipError | None, stat: tuple[int, int]) -> Audio | ClipError:
        """Return the clip's samples at 16 kHz, or why there are none."""
        error = self.error or (stop if self.ended else None)
        if error is not None:
            return error
        whole = np.concatenate(self._parts)
        self._parts.clear()
        try:
            self._check_length(len(whole) / self._rate)
            self._check_sound(len(whole))
            samples = resampled(whole, self._rate)
        except ClipError as refusal:
            return refusal
        longest = round(max_seconds * SAMPLING_RATE) if max_seconds else len(samples)
        used = np.ascontiguousarray(samples[:longest], dtype="<f4")
        digest = hashlib.sha256(used.data).hexdigest()
        notes = notes_of(self._decoder, self._filled / self._rate, self.mixes)
        return Audio(used, len(samples) > longest, rms_db(used), digest, *stat, notes)

    def _check_length(self, decoded: float) -> None:
        """Compare the decoded seconds with what the file promises, or else with what the segment asks for."""
        if not self.ended:
            return
        if self._decoder.promised is not None:
            left = self._begin + self._decoder.promised - self.clip.start
            expected = left if self._limit is None else min(self._limit, left)
            if decoded < expected - DAMAGE_TOLERANCE:
                raise ClipError("damaged", f"promises {expected:.2f} s of sound, {decoded:.2f} s decode")
        elif not self.clip.is_whole and decoded <= max(0.0, (self._limit or 0.0) - DAMAGE_TOLERANCE):
            ends = f"ends at {self.clip.start + decoded:.2f} s" if decoded else "ends before"
            raise ClipError("bad_segment", f"{segment_text(self.clip)}, the file {ends}")

    def _check_sound(self, decoded: int) -> None:
        """Refuse a clip that is silence where the file has no sound, but for less than a frame."""
        if self._filled and (decoded - self._filled) / self._rate < LEAST_SECONDS:
            raise ClipError("no_sound", f"{segment_text(self.clip)}, the file has no sound there")
