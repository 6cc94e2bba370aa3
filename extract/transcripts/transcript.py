"""One clip's transcript: its text, when its words were said, and whether anything was said at all."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cache.format.recipe import canonical_json

HASH = "text:"  # before the sha256 of a transcript, where other caches have that of a clip's sound
NO_WORDS = ("P", "Z", "C")  # unicode categories of punctuation, blanks and control characters


class Word(NamedTuple):
    """A word, or a longer piece of text, with when it was said in the clip [s]."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What was said in a clip.

    Attributes:
        clip_id: text id.
        text: what was said; empty where nothing was.
        words: its words with times, as far as they are known; those of a mended text may be other ones.
        duration: of the clip [s]; None where nobody said.
        language: code such as ``en``, or empty.
        path: file that it was read from.
        shown: that path as it is stored and printed.
    """

    clip_id: str
    text: str
    words: tuple[Word, ...] = field(default=(), repr=False)
    duration: float | None = None
    language: str = ""
    path: Path = Path()
    shown: str = ""

    @property
    def has_speech(self) -> bool:
        """Whether there is anything but punctuation and blanks in its text."""
        return has_speech(self.text)

    @property
    def sha256(self) -> str:
        """``text:`` and the sha256 (hex) of all that a text cache takes of it.

        The id counts: two people who say the same are no copy of each other.
        """
        said = [self.clip_id, self.text, [list(word) for word in self.words], self.duration]
        return HASH + hashlib.sha256(canonical_json(said).encode()).hexdigest()


def has_speech(text: str) -> bool:
    """Say whether text holds more than punctuation, blanks and control characters: letters, numbers, emoji."""
    return any(not unicodedata.category(letter).startswith(NO_WORDS) for letter in text)


def joined(words: Iterable[str]) -> str:
    """Return words as one text; they bring the blanks between them, as Whisper's do, or are set apart by one."""
    words = list(words)
    spaced = any(word[:1].isspace() for word in words[1:])
    return ("" if spaced else " ").join(words).strip()
