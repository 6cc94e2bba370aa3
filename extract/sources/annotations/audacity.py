"""Label tracks that Audacity exports: start, end and text of a label, divided by tabs."""

from __future__ import annotations

import re
from pathlib import Path

from cache.common.errors import TableError
from extract.sources.annotations.segments import EXPECTED, Segment, decoded, read_annotation

NUMBER = r"-?\d+(?:[.,]\d+)?"
LABEL = re.compile(rf"({NUMBER})\t({NUMBER})(?:\t.*)?")
FREQUENCIES = "\\"  # begins a second line of a label that was drawn over a spectrum


def is_label_track(path: Path) -> bool:
    """Say whether the first line of a text file is that of a label track; no clip id looks like it."""
    try:
        if not path.is_file():
            return False  # a pipe can be read once only
        with path.open("rb") as file:
            first = file.readline(4096)
    except OSError:
        return False
    return LABEL.fullmatch(first.decode("utf-8-sig", "replace").rstrip("\r\n")) is not None


def read_label_track(path: Path) -> list[Segment]:
    """Return the labels that have a length, in the recording called as the label track is.

    Raises:
        TableError: a line is no label.
    """
    segments = []
    lines = decoded(path, read_annotation(path)).split("\n")
    for number, line in enumerate((line.removesuffix("\r") for line in lines), 1):
        if not line.strip() or line.startswith(FREQUENCIES):
            continue
        label = LABEL.fullmatch(line)
        if not label or "," in label[1] + label[2]:
            raise TableError(
                f"{path}, line {number}: no label of Audacity; expected start, end (seconds, a point) and text "
                f"between tabs, or {EXPECTED}"
            )
        start, end = float(label[1]), float(label[2])
        if end > start:  # a label at a point is no segment
            segments.append(Segment(path.stem, "", start, end, number))
    return segments
