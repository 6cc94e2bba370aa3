"""Values of parsed JSON, of exactly the types and keys that are expected: nothing is converted on the way in."""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import Any


def require_keys(row: Any, names: Collection[str], *, exactly: bool) -> None:
    """Raise ValueError unless an object has these keys; exactly these, where no checksum vouches for others."""
    if not isinstance(row, dict):
        raise ValueError(f"{_shown(row)} in place of an object")
    names = names if isinstance(names, Set) else frozenset(names)
    if row.keys() == names or (not exactly and row.keys() >= names):
        return
    missing = [f"no key {name!r}" for name in sorted(names - row.keys())]
    more = [f"an unknown key {name!r}" for name in row if name not in names] if exactly else []
    if missing or more:
        raise ValueError(", ".join([*missing, *more][:2]))


def text(value: Any) -> str:
    """Return text; raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} in place of text")
    return value


def whole(value: Any) -> int:
    """Return a whole number; raises TypeError for anything else."""
    if type(value) is not int:  # True is one too
        raise TypeError(f"{_shown(value)} in place of a whole number")
    return value


def all_text(values: Any) -> tuple[str, ...]:
    """Return a list's texts; raises TypeError for anything else."""
    return tuple(map(text, _listed(values)))


def all_whole(values: Any) -> tuple[int, ...]:
    """Return a list's whole numbers; raises TypeError for anything else."""
    return tuple(map(whole, _listed(values)))


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError(f"{_shown(values)} in place of a list")
    return values


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"
