"""Options declared once: dataclass fields that carry help, range and choices; checks and command lines follow."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from cache.common.registry import near_miss

KEY = "option"  # of a field's metadata


@dataclass(frozen=True)
class Range:
    """The values that an option takes.

    Attributes:
        expected: in words, for messages: "1 or more".
        holds: whether a value is one of them.
    """

    expected: str
    holds: Callable[[Any], bool]


ONE_OR_MORE = Range("1 or more", lambda value: value >= 1)
ZERO_OR_MORE = Range("0 or more", lambda value: 0 <= value < float("inf"))
POSITIVE = Range("a positive number", lambda value: 0 < value < float("inf"))
INNER_SHARE = Range("a share between 0 and 1", lambda value: 0 < value < 1)
SHARE = Range("a share from 0 to 1", lambda value: 0 <= value <= 1)


@dataclass(frozen=True)
class Option:
    """What a field says of itself beside its type and default.

    Attributes:
        help: one sentence, for ``--help``.
        within: values that are valid; None where the type says all.
        choices: names to choose from, for example a ``Registry``.
        shown: the default in words, where the value itself says little: "the input width".
        vary: whether a grid of an ablation may vary it.
        offered: whether command lines offer it.
        flag: name on the command line, where it is not the field's own.
        typed: what a command line takes in its place; ``parse`` turns it into the field's value.
        parse: from what the command line took.
    """

    help: str
    within: Range | None = None
    choices: Collection[str] | None = None
    shown: str | None = None
    vary: bool = True
    offered: bool = True
    flag: str | None = None
    typed: Any = None
    parse: Callable[[Any], Any] | None = None


def option(default: Any, help: str, **more: Any) -> Any:
    """Declare a dataclass field with its default, its help and what else ``Option`` has."""
    return dataclasses.field(default=default, metadata={KEY: Option(help, **more)})


def options_of(cls: type) -> dict[str, Option]:
    """Return the options that a dataclass declares, by field name."""
    return {field.name: field.metadata[KEY] for field in dataclasses.fields(cls) if KEY in field.metadata}


def check_options(instance: Any, error: Callable[[str], Exception]) -> None:
    """Check every field of a dataclass against its type and its option; whole numbers become floats where due.

    Raises:
        Exception: ``error``, if a value is of another type, out of range or not among the choices.
    """
    cls: Any = type(instance)
    hints = _hints_of(cls)
    for name, declared in _options_of(cls).items():
        value = _typed(instance, name, hints[name], error)
        if value is None:
            continue
        if declared.choices is not None and value not in declared.choices:
            choices = " or ".join(declared.choices)
            raise error(f"{name}: found {value!r}, expected {choices}{near_miss(value, declared.choices)}")
        if declared.within and not declared.within.holds(value):
            raise error(f"{name}: found {value}, expected {declared.within.expected}")


@cache
def _hints_of(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@cache
def _options_of(cls: type) -> dict[str, Option]:
    return options_of(cls)


def require_known(fields: Collection[str], cls: type, where: str, error: Callable[[str], Exception]) -> None:
    """Refuse names that are no fields of a dataclass.

    Raises:
        Exception: ``error``, naming the closest field or all of them.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    for name in fields:
        if name not in known:
            hint = near_miss(name, known, cutoff=0.5) or f"; known fields: {', '.join(known)}"
            raise error(f"{where}: unknown field {name!r}{hint}")


def _typed(instance: Any, name: str, hint: Any, error: Callable[[str], Exception]) -> Any:
    value = getattr(instance, name)
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    plain = [typing.get_origin(kind) or kind for kind in kinds]
    if float in plain and type(value) is int and abs(value) < 2**1023:  # a float holds no larger one
        object.__setattr__(instance, name, float(value))
    elif not isinstance(value, tuple(plain)) or (isinstance(value, bool) and bool not in plain):
        expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in plain)
        raise error(f"{name}: found {value!r}, expected {expected}")
    return getattr(instance, name)
