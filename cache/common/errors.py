"""The project's errors: each says what, where, and the way out.

``EmiError`` is the base that every command line turns into one line and exit code 1.
Each error also is the builtin that a caller would catch.
"""

from __future__ import annotations


class EmiError(Exception):
    """Base of every error this project raises on purpose; its text is one readable line."""


class CacheError(EmiError):
    """Base of the errors of the ``cache`` package."""


class NotACacheError(CacheError, FileNotFoundError):
    """The folder does not exist or holds no ``cache.json``."""


class FormatVersionError(CacheError, ValueError):
    """The cache was written in a format this version does not know."""


class RecipeMismatchError(CacheError, ValueError):
    """The cache holds values of another recipe than the one asked for."""


class DamagedCacheError(CacheError, ValueError):
    """A committed file does not hold what its commit record promises."""


class DuplicateClipError(CacheError, ValueError):
    """One clip id stands in two shards and nothing says which one counts."""


class UnknownClipError(CacheError, KeyError):
    """A clip id that the cache does not hold."""

    def __str__(self) -> str:  # KeyError would show the text in quotes
        return str(self.args[0]) if self.args else ""


class UnknownFieldError(CacheError, KeyError):
    """A field that the cache does not hold."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidValueError(CacheError, ValueError):
    """A value that must not enter a cache; ``reason`` is its code: non_finite, overflow or shape."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StorageError(CacheError, OSError):
    """The disk said no: full, read-only, or no permission."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class TableError(CacheError, ValueError):
    """A table of ids, labels or speakers cannot be understood."""


def reason_of(error: BaseException) -> str:
    """Return what an error of a library says, in one short line."""
    return " ".join(str(error).split())[:200] or "no reason given"


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out: in the words of Python, torch, oneDNN, threads or the loader of libraries."""
    text = str(error).strip()
    if isinstance(error, RuntimeError):
        ended = text.endswith(
            "could not create a primitive"
        )  # with more after it: it knows no such operation
        return ended or any(
            words in text for words in ("allocate memory", "out of memory", "start new thread")
        )
    return isinstance(error, MemoryError) or (isinstance(error, ImportError) and "map segment" in text)
