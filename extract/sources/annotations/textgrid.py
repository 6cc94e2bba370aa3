"""TextGrids of Praat, in the long and in the short text format: every interval with a text is a segment.

Both formats are read as Praat does: what counts are the texts between quotes, the numbers and the ``<flags>`` that
stand free; all else, such as ``xmin =`` or ``intervals [1]:``, is comment (Praat manual, "TextGrid file formats").
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from cache.common.errors import TableError
from extract.sources.annotations.segments import EXPECTED, Segment, decoded, read_annotation

TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(\w+)>|![^\n]*|([^\s"]+)')
INTERVALS, POINTS = "IntervalTier", "TextTier"

_Token = tuple[int, str | float]
"""Where it stands in the text, and what it is; a flag is text too."""


class _Tokens:
    """What Praat would read of a text, one after the other.

    Raises:
        TableError: on taking one that is not there or of another kind.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text
        self._tokens = _tokens(text)
        self._at, self._line = 0, 1

    def text(self) -> str:
        """Take a text or a flag."""
        value = self._next()
        if not isinstance(value, str):
            self.refuse("a text between quotes")
        return value

    def number(self) -> float:
        """Take a number."""
        value = self._next()
        if isinstance(value, str):
            self.refuse("a number")
        return value

    def count(self) -> int:
        """Take a number of items that follow."""
        value = self.number()
        if not value.is_integer() or value < 0:
            self.refuse("a number of items")
        return int(value)

    @property
    def line(self) -> int:
        """The line of the token taken last."""
        return self._line

    def _next(self) -> str | float:
        at, value = next(self._tokens, (len(self._text), None))
        self._line += self._text.count("\n", self._at, at)
        self._at = at
        if value is None:
            self.refuse("more")
        return value

    def refuse(self, expected: str) -> NoReturn:
        """Say what should have stood where the token taken last stands."""
        raise TableError(
            f"{self._path}, line {self.line}: no TextGrid in Praat's text format (expected {expected} there); "
            f"save it as a text file, or make {EXPECTED}"
        )


def _tokens(text: str) -> Iterator[_Token]:
    for match in TOKEN.finditer(text):
        quoted, flag, word = match.groups()
        if quoted is not None:
            yield match.start(), quoted.replace('""', '"')
        elif flag is not None:
            yield match.start(), flag
        elif word is not None:
            with suppress(ValueError):
                if math.isfinite(number := float(word)):
                    yield match.start(), number


def read_textgrid(path: Path) -> list[Segment]:
    """Return the intervals with a text of all tiers, in the recording called as the TextGrid is.

    Raises:
        TableError: it is no TextGrid in text format, or ends early.
    """
    tokens = _Tokens(path, decoded(path, read_annotation(path)))
    if not tokens.text().startswith("ooTextFile") or tokens.text() != "TextGrid":
        tokens.refuse('"ooTextFile" and "TextGrid"')
    tokens.number(), tokens.number()  # where the recording begins and ends
    if tokens.text() != "exists":
        return []
    return [segment for _ in range(tokens.count()) for segment in _tier(path.stem, tokens)]


def _tier(recording: str, tokens: _Tokens) -> Iterator[Segment]:
    kind, name = tokens.text(), tokens.text()
    if kind not in {INTERVALS, POINTS}:
        tokens.refuse(f"{INTERVALS} or {POINTS}")
    tokens.number(), tokens.number()
    for _ in range(tokens.count()):
        start = tokens.number()
        line = tokens.line
        end = tokens.number() if kind == INTERVALS else start
        if tokens.text().strip() and kind == INTERVALS:
            yield Segment(recording, name, start, end, line)
