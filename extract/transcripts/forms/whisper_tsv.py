"""Transcripts as Whisper's programs write them for spreadsheets: start and end in milliseconds, and text."""

from __future__ import annotations

from pathlib import Path

from extract.errors import SourceError
from extract.transcripts.forms.subtitles import read_text
from extract.transcripts.forms.whisper_json import Read
from extract.transcripts.transcript import Word, joined

SUFFIX = ".tsv"
HEADER = "start\tend\ttext"  # other tables end in .tsv as well
MOST = 10**12  # milliseconds


def is_whisper_tsv(path: Path) -> bool:
    """Say whether a file begins as such a transcript does; one that cannot be read does not."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(HEADER) + 5)
    except OSError:
        return False
    return begin.removeprefix(b"\xef\xbb\xbf").split(b"\n")[0].rstrip(b"\r") == HEADER.encode()


def read(path: Path) -> Read:
    """Read a transcript; its lines are pieces of text with times.

    Raises:
        SourceError: it cannot be read, or a line holds no two times.
    """
    _, *lines = read_text(path).split("\n")
    pieces = [_piece(line, path, number) for number, line in enumerate(lines, 2) if line.strip()]
    return Read(
        joined([piece.text for piece in pieces]), tuple(piece for piece in pieces if piece.text.strip())
    )


def _piece(line: str, path: Path, number: int) -> Word:
    cells = line.split("\t", 2)
    if len(cells) < 3 or not all(
        cell.isascii() and cell.isdigit() and int(cell) < MOST for cell in cells[:2]
    ):
        raise SourceError(
            f"{path}, line {number}: {line[:60]!r}, expected milliseconds such as 0, 1250 and text"
        )
    return Word(cells[2].strip(), int(cells[0]) / 1000, int(cells[1]) / 1000)
