"""What is out of the ordinary in how a clip was decoded: kept in its commit record, and listed by the run."""

from __future__ import annotations

from collections.abc import Mapping

from cache.common.words import counted
from extract.audio.decoders.sound_file import Decoder
from extract.audio.mixing import Mixes

MAX_NAMED = 10  # clips that a line names

Notes = dict[str, float | int | str]


def notes_of(decoder: Decoder, filled_seconds: float, mixes: Mixes | None) -> Notes:
    """Return the notes on a clip; none for an ordinary one.

    Args:
        decoder: of its file, after the clip was decoded.
        filled_seconds: silence in the clip for which the file has no sound [s].
        mixes: number of channels → how they were mixed, where it is not the mean of all.
    """
    notes: Notes = {}
    if decoder.start:
        notes["sound_start"] = round(decoder.start, 6)
    if filled_seconds:
        notes["filled_seconds"] = round(filled_seconds, 6)
    if decoder.tracks > 1:
        notes |= {"audio_stream": decoder.track, "audio_streams": decoder.tracks}
    if decoder.changes:
        notes["changes"] = decoder.changes
    for mix in (mixes or {}).values():
        if not mix.is_mean_of_all:
            notes["channels"] = f"{', '.join(map(str, mix.channels))} of {mix.of}"
        if mix.lost_db:
            notes["mix_lost_db"] = mix.lost_db
    return notes


_SAID = {
    "mix_lost_db": "whose channels cancel in their mean: the loudest channel was taken",
    "channels": "with silent channels, which were left out of the mean",
    "sound_start": "from files whose sound begins late; segments count from the start of the file",
    "filled_seconds": "with silence where the file has no sound",
    "audio_streams": "from files with several audio streams",
    "changes": "whose sampling rate or channels change on the way",
}


def note_lines(noted: Mapping[str, Mapping[str, float | int | str]]) -> list[str]:
    """Return one line per kind of note on clips (by id), naming the first of them.

    A clip of which one channel was taken is not named once more for the channels that were not.
    """
    lines = []
    for kind, said in _SAID.items():
        ids = sorted(clip_id for clip_id, notes in noted.items() if kind in notes)
        if kind == "channels":
            ids = [clip_id for clip_id in ids if "mix_lost_db" not in noted[clip_id]]
        if ids:
            more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
            lines.append(f"  {counted(len(ids), 'clip')} {said}: {', '.join(ids[:MAX_NAMED])}{more}")
    return lines
