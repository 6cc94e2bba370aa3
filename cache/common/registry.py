"""A registry of one kind of thing, such as losses: names, a line on each, each loaded when first used."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Generic, NamedTuple, TypeVar

Thing = TypeVar("Thing")


class Entry(NamedTuple):
    """One registered thing.

    Attributes:
        name: what users call it.
        home: ``module:attribute`` where it is defined; imported when it is first asked for.
        help: one line, for help texts and tables.
    """

    name: str
    home: str
    help: str


class Registry(Generic[Thing]):
    """The known things of one kind, in the order in which they were registered.

    Args:
        kind: what one of them is called in messages, for example "loss".
        error: raised for a name that is not known.
    """

    def __init__(self, kind: str, error: Callable[[str], Exception]) -> None:
        self.kind = kind
        self._error = error
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, home: str, help: str) -> None:
        """Register a thing; ``home`` is ``module:attribute``.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already, as {self._entries[name].home}")
        self._entries[name] = Entry(name, home, help)

    def remove(self, name: str) -> None:
        """Forget a thing, as a test does with its own."""
        del self._entries[name]

    def get(self, name: str) -> Thing:
        """Return the thing called ``name``.

        Raises:
            Exception: of the registry's kind, if there is none; it names those there are.
        """
        self.require(name)
        thing: Thing = attribute_of(self._entries[name].home)
        return thing

    def require(self, name: Any) -> None:
        """Refuse a name that is not known, without loading anything."""
        if name not in self._entries:
            raise self._error(
                f"{self.kind}: found {name!r}, expected {self.choices()}{near_miss(name, self)}"
            )

    def choices(self) -> str:
        """Return the names for a message: ``a, b or c``."""
        *first, last = self._entries
        return f"{', '.join(first)} or {last}" if first else last

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return tuple(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def attribute_of(home: str) -> Any:
    """Return what stands at ``module:attribute``; the module is imported."""
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)


def near_miss(name: Any, known: Any, cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'lstm'?`` where a known name is close to ``name``, else nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""
