"""Options of a command line made from the fields of a dataclass, so that each is declared once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from cache.common.option_fields import Option, options_of

Command = Callable[..., None]


def options_from(
    cls: type, parameter: str, *, only: Collection[str] | None = None, without: Collection[str] = ()
) -> Callable[[Command], Command]:
    """Give a command one option for each field of ``cls`` in place of its keyword parameter ``parameter``.

    The command gets what the user typed, by field name; an option that was left out is not in it, so that a
    config file or the field's own default may decide.

    Args:
        cls: a dataclass of ``option`` fields.
        parameter: of the command, annotated as ``Mapping[str, Any]``.
        only: names of the fields to offer; None for all that are offered.
        without: names of the fields to leave out.
    """
    declared = {
        name: declared
        for name, declared in options_of(cls).items()
        if declared.offered and name not in without and (only is None or name in only)
    }

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_options(**values: Any) -> None:
            typed = {name: values.pop(name) for name in declared}
            given = {
                name: _parsed(declared[name], value) for name, value in typed.items() if _was_given(value)
            }
            command(**{parameter: given}, **values)

        _show(with_options, command, parameter, _parameters(cls, declared))
        return with_options

    return decorate


def _was_given(value: Any) -> bool:
    return value is not None and value != []  # typer's word for a list that was left out


def _parsed(declared: Option, value: Any) -> Any:
    if declared.parse:
        return declared.parse(value)
    return tuple(value) if isinstance(value, list) else value


def _parameters(cls: type, declared: Mapping[str, Option]) -> list[Parameter]:
    hints, fields = get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls)}
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_typed(option, hints[name]), _typer_option(option, fields[name])],
        )
        for name, option in declared.items()
    ]


def _typer_option(declared: Option, field: dataclasses.Field[Any]) -> Any:
    names = (declared.flag,) if declared.flag else ()
    return typer.Option(
        *names, help=declared.help, show_default=_shown_default(declared, field.default) or False
    )


def _shown_default(declared: Option, default: Any) -> str | None:
    if declared.shown is not None:
        return declared.shown
    if isinstance(default, bool):
        return "on" if default else "off"
    return None if default in (None, (), "", dataclasses.MISSING) else str(default)


def _typed(declared: Option, hint: Any) -> Any:
    """Return the type that typer is to parse: that of the field, or None for an option left out."""
    if declared.typed is not None:
        return declared.typed | None
    if typing.get_origin(hint) is tuple:
        return list[typing.get_args(hint)[0]] | None  # type: ignore[misc]
    kinds = [kind for kind in _kinds(hint) if kind is not type(None)]
    return (kinds[0] if kinds[0] in (bool, int, float, str, Path) else str) | None


def _kinds(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _show(shown: Any, command: Command, parameter: str, options: list[Parameter]) -> None:
    """Let typer see the options where the command has its one parameter."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[Parameter] = []
    for name, own in inspect.signature(command).parameters.items():
        parameters += options if name == parameter else [own.replace(annotation=hints[name])]
    shown.__signature__ = inspect.Signature(parameters, return_annotation=None)
    shown.__annotations__ = {one.name: one.annotation for one in parameters}
