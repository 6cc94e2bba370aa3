"""Segments that somebody marked in a recording, and the table they make: the one that a manifest would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.common import gate
from cache.common.errors import TableError
from cache.common.tables import Table
from extract.sources.media_kinds import id_text

EXPECTED = "a table with columns path,start,end (seconds), or clip_id,path,start,end"


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording.

    Attributes:
        recording: file name of the recording, with or without suffix.
        speaker: who speaks, or the tier that says so; may be empty.
        start: [s].
        end: [s].
        line: of the annotation, for messages.
        channel: counted from 0; None for all.
    """

    recording: str
    speaker: str
    start: float
    end: float
    line: int
    channel: int | None = None


def table_of(path: Path, segments: Sequence[Segment]) -> Table:
    """Return segments as the table that names them; clips get ids such as ``talk/anna/12.500-17.250``.

    Raises:
        TableError: there are none.
    """
    if not segments:
        raise TableError(f"{path}: no segments with a beginning and an end in it; expected {EXPECTED}")
    columns = ["conversation_id", "speaker", "start", "end"]
    columns += ["channel"] if any(segment.channel is not None for segment in segments) else []
    rows = [
        {
            "conversation_id": id_text(segment.recording),
            "speaker": segment.speaker,
            "start": repr(segment.start),
            "end": repr(segment.end),
            "channel": "" if segment.channel is None else str(segment.channel),
        }
        for segment in segments
    ]
    rows = [{column: row[column] for column in columns} for row in rows]
    return Table(path, tuple(columns), rows, tuple(segment.line for segment in segments))


def read_annotation(path: Path) -> bytes:
    """Read a file of annotations, of bounded size.

    Raises:
        TableError: it cannot be read.
    """
    try:
        return gate.read_named(path)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); expected {EXPECTED}") from None


def decoded(path: Path, data: bytes) -> str:
    """Return text in UTF-8, or in UTF-16 with its mark.

    Raises:
        TableError: it is neither.
    """
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: not UTF-8 or UTF-16 (byte {error.start}); save it as UTF-8") from None
