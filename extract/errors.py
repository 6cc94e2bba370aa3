"""What can go wrong on the way from clips to cache."""

from __future__ import annotations

from collections.abc import Callable

from cache.common.errors import EmiError
from cache.common.option_fields import options_of


class ExtractError(EmiError):
    """Base of the errors of the ``extract`` package."""


class SourceError(ExtractError, ValueError):
    """The source of clips cannot be understood: no such folder, no media, one id for two files."""


class EncoderError(ExtractError, ValueError):
    """The encoder cannot be had or does not hold exactly the weights it should."""


class ClipError(ExtractError, ValueError):
    """One clip cannot be turned into features; ``reason`` is its code in the failures ledger."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def with_flag(error: Callable[[str], ExtractError], cls: type) -> Callable[[str], ExtractError]:
    """Return ``error`` for messages on a field of the options ``cls``: they start with its flag."""
    declared = options_of(cls)

    def refusal(text: str) -> ExtractError:
        name, colon, rest = text.partition(":")
        flag = declared[name].flag or f"--{name.replace('_', '-')}"
        return error(f"{flag}{colon}{rest}")

    return refusal
