"""Rich Transcription Time Marked files (NIST RT-09), as speaker diarisation writes them: one line a segment."""

from __future__ import annotations

from pathlib import Path

from cache.common.errors import TableError
from extract.sources.annotations.segments import EXPECTED, Segment, decoded, read_annotation

KINDS = {
    "SPEAKER", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP",
    "SU", "CB", "A/P", "SPKR-INFO",
}  # fmt: skip
NOT_GIVEN = "<NA>"
FIELDS = 8  # type, file, channel, start, duration, orthography, subtype, name; confidence and look-ahead may follow


def read_rttm(path: Path) -> list[Segment]:
    """Return the SPEAKER lines of a file.

    Channels count from 1 there, and say 1 of mono recordings and mixes too: they choose one only in a file that
    knows others.

    Raises:
        TableError: a line cannot be understood.
    """
    lines = decoded(path, read_annotation(path)).splitlines()
    parsed = [
        _segment(path, number, line.split())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(";;") and line.split()[0] not in KINDS - {"SPEAKER"}
    ]
    if {segment.channel for segment in parsed} <= {0, None}:
        return [Segment(s.recording, s.speaker, s.start, s.end, s.line) for s in parsed]
    return parsed


def _segment(path: Path, number: int, fields: list[str]) -> Segment:
    try:
        if fields[0] not in KINDS or len(fields) < FIELDS:
            raise ValueError
        channel = None if fields[2] == NOT_GIVEN else int(fields[2]) - 1
        start, duration = float(fields[3]), float(fields[4])
        if channel is not None and channel < 0:
            raise ValueError
    except ValueError:
        raise TableError(
            f"{path}, line {number}: no line of RTTM (SPEAKER FILE CHANNEL START DURATION <NA> <NA> NAME); "
            f"expected that, or {EXPECTED}"
        ) from None
    speaker = "" if fields[7] == NOT_GIVEN else fields[7]
    return Segment(fields[1], speaker, start, round(start + duration, 6), number, channel)
