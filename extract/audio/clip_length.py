"""How long a clip is, and whether it lies in its file at all, as far as the file's header tells."""

from __future__ import annotations

from cache.format.schema import SAMPLING_RATE
from extract.audio.decoders.sound_file import Decoder
from extract.audio.headers import Header
from extract.errors import ClipError
from extract.sources.clips import SourceClip

DAMAGE_TOLERANCE = 0.2  # seconds that codecs add or drop at the ends without being damaged


def clip_seconds(clip: SourceClip, header: Header) -> float:
    """Return a clip's length [s] in a file with this header; 0 when the file does not say."""
    if clip.is_whole or header.seconds is None:
        return header.seconds or 0.0
    end = header.start + header.seconds
    return max(0.0, (min(end, clip.end) if clip.end is not None else end) - clip.start)


def used_samples(clip: SourceClip, header: Header | ClipError, max_seconds: float) -> int:
    """Return the samples at 16 kHz a clip will give, from its header alone; 0 when that does not say."""
    seconds = 0.0 if isinstance(header, ClipError) else clip_seconds(clip, header)
    return round((min(seconds, max_seconds) if max_seconds else seconds) * SAMPLING_RATE)


def segment_text(clip: SourceClip) -> str:
    """Return a clip's place in its file for messages."""
    return f"segment {clip.start:g}-{'end' if clip.end is None else f'{clip.end:g}'} s"


def segment_error(clip: SourceClip, sound: Header | Decoder) -> ClipError | None:
    """Say why a file cannot hold the clip, as far as its header tells, or None."""
    segment = segment_text(clip)
    if clip.start < 0 or (clip.end is not None and clip.end <= clip.start):
        return ClipError("bad_segment", f"{segment} is empty, reversed or before the file's start")
    ends = None if sound.promised is None else sound.promised + max(0.0, sound.start)
    if ends is not None and (clip.end or clip.start) > ends + DAMAGE_TOLERANCE:
        return ClipError("bad_segment", f"{segment}, the file has {ends:.2f} s")
    if clip.end is not None and clip.end <= sound.start:
        return ClipError("no_sound", f"{segment}, the sound begins at {sound.start:.2f} s")
    if clip.channel is not None and not 0 <= clip.channel < sound.channels:
        return ClipError("bad_segment", f"channel {clip.channel}, the file has {sound.channels} (from 0)")
    if clip.audio_stream is not None and not 0 <= clip.audio_stream < sound.tracks:
        said = f"audio stream {clip.audio_stream}, the file has {sound.tracks} (from 0)"
        return ClipError("bad_segment", said)
    return None
