"""The option ``--local`` of the commands that read a cache: what lies behind a URL is copied once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

Command = Callable[..., None]
Local = Annotated[
    Path | None,
    typer.Option(
        help="Folder for copies of what is read of a cache behind a URL: a second reading is from the disk."
    ),
]


def keeps_copies(command: Command) -> Command:
    """Give a command the option ``--local``."""

    @functools.wraps(command)
    def with_copies(**values: Any) -> None:
        from cache.commit.copies import keep_copies

        keep_copies(values.pop("local"))
        command(**values)

    signature = inspect.signature(command)
    local = Parameter("local", Parameter.KEYWORD_ONLY, default=None, annotation=Local)
    parameters = [*signature.parameters.values(), local]
    shown: Any = with_copies
    shown.__signature__ = signature.replace(parameters=parameters)
    shown.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_copies
