"""What sources hold: the features of clips, each where it lies, and what cannot be taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cache.commit.failures import Failure
from cache.imports.values import Values

STAGE = "source"  # of failures that are known before a number is read


@dataclass(frozen=True)
class Entry:
    """The features of one clip, as they lie in a file.

    Attributes:
        clip_id: text id.
        values: its features.
        path: of the file.
        shown: that path as it is stored and printed, relative to its source.
    """

    clip_id: str
    values: Values
    path: Path
    shown: str


@dataclass(frozen=True)
class Sources:
    """What sources hold.

    Attributes:
        entries: clips, sorted by id.
        failures: what cannot be taken, each with its reason.
        layouts: layout → files of it.
        passed: files that hold no features.
    """

    entries: tuple[Entry, ...]
    failures: tuple[Failure, ...]
    layouts: dict[str, int]
    passed: int
