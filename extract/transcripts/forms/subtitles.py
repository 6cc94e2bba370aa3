"""Transcripts as subtitles: SubRip (srt) and WebVTT, cue by cue, without tags and notes."""

from __future__ import annotations

import html
import re
from pathlib import Path

from cache.common import gate
from cache.common.errors import TableError
from cache.common.table_text.encoding import text_of
from extract.errors import SourceError
from extract.transcripts.forms.whisper_json import Read
from extract.transcripts.transcript import Word, joined

MAX_BYTES = 1 << 26
TIME = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
CUE = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}")
INNER_TIME = re.compile(rf"<{TIME}>")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[^<>]*>|\{\\[^{}]*\}")


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark, its lines ended by line feeds.

    Raises:
        SourceError: it cannot be read, or is no UTF-8.
    """
    try:
        text = text_of(gate.read_named(path, MAX_BYTES), path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from None
    except TableError as error:
        raise SourceError(str(error)) from None
    return text.replace("\r\n", "\n")


def read(path: Path) -> Read:
    """Read subtitles; a file without a single cue says nothing.

    Raises:
        SourceError: it is not empty, and no line of it gives the times of a cue.
    """
    text = read_text(path)
    blocks = [block.strip("\n").split("\n") for block in re.split(r"\n[ \t]*\n", text)]
    texts: list[str] = []
    words: list[Word] = []
    for lines in blocks:
        number = next((i for i, line in enumerate(lines[:2]) if CUE.match(line)), None)
        if number is None:
            continue  # a note, a style, the header
        match = CUE.match(lines[number])
        assert match is not None  # noqa: S101 - for the type checker
        start, end = _seconds(*match.groups()[:4]), _seconds(*match.groups()[4:])
        spoken = " ".join(lines[number + 1 :])
        texts.append(_plain(spoken))
        words += [word for word in _pieces(spoken, start, end) if word.text.strip()]
    if not texts and text.strip() and not text.startswith("WEBVTT"):
        raise SourceError(f"{path}: no cue in it; expected lines such as 00:00:01,000 --> 00:00:02,500")
    return Read(joined(texts), tuple(words))


def _pieces(spoken: str, start: float, end: float) -> list[Word]:
    """Return a cue as one piece, or cut where WebVTT gives times within it."""
    pieces, position, since = [], 0, start
    for match in INNER_TIME.finditer(spoken):
        at = _seconds(*match.groups())
        pieces.append(Word(_plain(spoken[position : match.start()]), since, at))
        position, since = match.end(), at
    return [*pieces, Word(_plain(spoken[position:]), since, end)]


def _plain(text: str) -> str:
    return html.unescape(TAG.sub("", text)).strip()


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction.ljust(3, "0")) / 1000
