"""Turns clips into mono samples at 16 kHz for the encoder, or says why it cannot.

Decoding streams: of a 20-minute file of which 12 s are used, 12 s are decoded; of an hour that a manifest
cuts into segments, all segments come from one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extract.audio.at_hand import at_hand
from extract.audio.cut import Audio, Cut
from extract.audio.decoders.sound_file import Decoder
from extract.audio.mixing import Mixes
from extract.audio.open_sound import open_sound
from extract.audio.rules import CURRENT, FIRST
from extract.errors import ClipError
from extract.sources.clips import SourceClip, source_stat


def decode(clip: SourceClip, max_seconds: float, rules: int = CURRENT) -> Audio:
    """Decode the first ``max_seconds`` of a clip (0: all of it).

    Raises:
        ClipError: with the reason code for the failures ledger.
    """
    result = decode_file([clip], max_seconds, rules)[clip.clip_id]
    if isinstance(result, ClipError):
        raise result
    return result


def decode_file(
    clips: Sequence[SourceClip], max_seconds: float, rules: int = CURRENT
) -> dict[str, Audio | ClipError]:
    """Decode clips of one file in one pass over it, or in two where its channels are not simply averaged.

    Args:
        clips: segments of one audio stream of the same file, in any order; they may overlap.
        max_seconds: of every clip, the first so many seconds (0: all of it).
        rules: a version of ``extract.audio.rules``.

    Returns:
        Clip id → its sound, or why there is none: one bad segment spoils no other.
    """
    try:
        with at_hand(clips[0].path) as file:
            return _decoded(clips, file, max_seconds, rules)
    except ClipError as error:
        return {clip.clip_id: error for clip in clips}


def _decoded(
    clips: Sequence[SourceClip], file: Path, max_seconds: float, rules: int
) -> dict[str, Audio | ClipError]:
    stat = source_stat(clips[0].path) or (0, 0)
    wanted: dict[str, tuple[SourceClip, Mixes | None]] = {
        clip.clip_id: (clip, {} if rules == FIRST else None) for clip in clips
    }
    results: dict[str, Audio | ClipError] = {}
    while wanted:
        try:
            cuts, stop = _pass(list(wanted.values()), file, max_seconds, rules)
        except ClipError as error:
            return results | dict.fromkeys(wanted, error)
        wanted = {
            cut.clip.clip_id: (cut.clip, mixes) for cut in cuts if (mixes := cut.better_mixes()) is not None
        }
        done = [cut for cut in cuts if cut.clip.clip_id not in wanted]
        results |= {cut.clip.clip_id: cut.finish(max_seconds, stop, stat) for cut in done}
    return results


def _pass(
    wanted: Sequence[tuple[SourceClip, Mixes | None]], file: Path, max_seconds: float, rules: int
) -> tuple[list[Cut], ClipError | None]:
    """Decode a file once for clips, each with its mixes if they are known; return them, and what stopped it."""
    decoder = open_sound(file, wanted[0][0].audio_stream, rules)
    try:
        cuts = [Cut(clip, decoder, max_seconds, mixes) for clip, mixes in wanted]
        return cuts, _collect(decoder, [cut for cut in cuts if cut.error is None])
    finally:
        decoder.close()


def _collect(decoder: Decoder, cuts: list[Cut]) -> ClipError | None:
    """Hand every piece to the clips that want it, no further than they want; return what stopped it early."""
    if not cuts:
        return None
    position = min(cut.first for cut in cuts)
    try:
        for piece in decoder.blocks(position):
            cuts = [cut for cut in cuts if cut.take(piece, position)]
            position += len(piece)
            if not cuts:
                break
    except ClipError as error:
        return error
    return None
