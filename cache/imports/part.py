"""A part of a file: what may be the features of one clip, or why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from cache.imports.values import UnreadableError, Values


@dataclass(frozen=True)
class Part:
    """What a file holds under one key.

    Attributes:
        key: what the file calls it; None where the file as a whole is one clip.
        values: its features; None where there are none to be taken.
        problem: why not.
    """

    key: str | None
    values: Values | None = None
    problem: UnreadableError | None = None


def refused(key: str | None, message: str, reason: str = "unreadable") -> Part:
    """Return a part that cannot be taken."""
    return Part(key, None, UnreadableError(message, reason))
