"""Which kind of annotations a file holds, read as a table of segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cache.common.tables import Table
from extract.errors import SourceError
from extract.sources.annotations.audacity import is_label_track, read_label_track
from extract.sources.annotations.elan import read_elan
from extract.sources.annotations.rttm import read_rttm
from extract.sources.annotations.segments import EXPECTED, Segment, table_of
from extract.sources.annotations.textgrid import read_textgrid

READERS: dict[str, Callable[[Path], list[Segment]]] = {
    ".eaf": read_elan,
    ".textgrid": read_textgrid,
    ".rttm": read_rttm,
}
LABEL_TRACKS = {".txt", ".tsv", ".csv"}
OTHERS = {
    ".srt", ".vtt", ".ass", ".ctm", ".stm", ".mlf", ".lab", ".trs", ".cha", ".antx", ".anvil", ".exb", ".sbv",
    ".ttml",
}  # fmt: skip


def annotation_table(path: Path) -> Table | None:
    """Return the segments of a file of annotations as a table; None when it is a table itself.

    Raises:
        TableError: the annotations cannot be understood, or hold no segment.
        SourceError: they are of a kind that is not read.
    """
    suffix = path.suffix.lower()
    if suffix in OTHERS:
        raise SourceError(
            f"{path}: {suffix} is not read; expected {EXPECTED}, or annotations of ELAN (.eaf), Praat (.TextGrid), "
            "RTTM or Audacity"
        )
    reader = READERS.get(suffix)
    if reader is None and suffix in LABEL_TRACKS and is_label_track(path):
        reader = read_label_track
    return table_of(path, reader(path)) if reader else None
