"""Files that are no table, known by what they are: annotations of other programs, spreadsheets, archives."""

from __future__ import annotations

import re
from pathlib import Path

from cache.common.errors import TableError

SUFFIXES = {".eaf": "an ELAN annotation", ".textgrid": "a Praat TextGrid", ".rttm": "an RTTM file"}
BEGINNINGS = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel spreadsheet",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
    b"\x93NUMPY": "a numpy array",
}
CONTENTS = (
    (re.compile(r"\s*<(?:\?xml[^>]*>\s*<)?ANNOTATION_DOCUMENT"), "an ELAN annotation"),
    (re.compile(r'\s*File type = "ooTextFile'), "a Praat TextGrid"),
    (re.compile(r"\s*SPEAKER \S+ \d+ +[\d.]+ +[\d.]+ <NA>"), "an RTTM file"),
    (re.compile(r"\s*[\[{]\s*[\"{\[\n]"), "a JSON document"),
    (re.compile(r"\s*<(?:\?xml|!doctype|html)", re.IGNORECASE), "an XML or HTML document"),
)
AUDACITY = re.compile(r"\d+\.\d+\t\d+\.\d+(?:\t[^\n]*)?\r?\n?")
BOUND = 4096  # characters that are looked at
EXPECTED = (
    "expected a table with one row per clip: clip_id and a column of numbers per label, as CSV, TSV or JSONL"
)


def refuse_other_file(path: Path, data: bytes) -> None:
    """Refuse what is no table before it is read as one.

    Raises:
        TableError: it is another kind of file; the message names it and the table that is expected.
    """
    kind = SUFFIXES.get(path.suffix.lower()) or next(
        (kind for beginning, kind in BEGINNINGS.items() if data.startswith(beginning)), None
    )
    kind = kind or _kind_of_text(path, data[:BOUND].decode("utf-8", "replace").removeprefix("\ufeff"))
    if kind:
        raise TableError(f"{path}: {kind}, {EXPECTED}")


def _kind_of_text(path: Path, text: str) -> str | None:
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return None
    first = text.split("\n", 1)[0]
    if path.suffix.lower() in {".txt", ".lst"} and AUDACITY.fullmatch(first):
        return "a label track of Audacity"
    return next((kind for pattern, kind in CONTENTS if pattern.match(text)), None)
