"""Turns clips into mono samples at 16 kHz for the encoder, or says why it cannot.

Decoding streams: of a 20-minute file of which 12 s are used, 12 s are decoded; of an hour that a manifest
cuts into segments, all segments come from one pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from extract.audio.cut import Audio, Cut
from extract.audio.open_sound import open_sound
from extract.audio.sound_file import Decoder
from extract.errors import ClipError
from extract.sources.clips import SourceClip, source_stat


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
        cuts = [Cut(clip, decoder, max_seconds) for clip in clips]
        stop = _collect(decoder, [cut for cut in cuts if cut.error is None])
    finally:
        decoder.close()
    return {cut.clip.clip_id: cut.finish(max_seconds, stop, stat) for cut in cuts}


def _collect(decoder: Decoder, cuts: list[Cut]) -> ClipError | None:
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
