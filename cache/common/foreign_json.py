"""JSON that somebody else may have written: read with bounds on its size, depth and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cache.common import durable

MAX_BYTES = 1 << 28
MAX_DEPTH = 32


class ForeignJsonError(ValueError):
    """The text is no JSON that this project reads; its text is the reason alone, without a path."""


def parse_json(
    data: bytes | str,
    expected: type = dict,
    max_depth: int = MAX_DEPTH,
    parse_number: Callable[[str], Any] | None = None,
) -> Any:
    """Return the JSON value in ``data``.

    Args:
        data: the text, UTF-8 where it is bytes.
        expected: what the outermost value must be: ``dict``, ``list`` or ``object`` for any.
        max_depth: of lists and objects inside each other.
        parse_number: makes something else than int and float of a number's text.

    Raises:
        ForeignJsonError: no JSON, nested too deeply, or another kind of value; NaN and Infinity, which JSON does
            not have, are refused as well.
    """
    try:
        value = json.loads(
            data, parse_constant=_refuse_constant, parse_int=parse_number, parse_float=parse_number
        )
    except RecursionError:
        raise ForeignJsonError(f"nested more than {max_depth} deep") from None
    except ValueError as error:
        raise ForeignJsonError(f"no valid JSON: {error}") from None
    _check_depth(value, max_depth)
    if not isinstance(value, expected):
        raise ForeignJsonError(f"expected {_kind(expected())}, found {_kind(value)}")
    return value


def read_json_file(path: Path, expected: type = dict, limit: int = MAX_BYTES) -> Any:
    """Return the JSON value in a regular file of at most ``limit`` bytes; links are not followed.

    Raises:
        OSError: the file cannot be read, or is none that is read here.
        ForeignJsonError: as :func:`parse_json` says.
    """
    return parse_json(durable.read_regular(path, limit), expected)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {dict: "an object", list: "a list", str: "text", bool: "true or false"}.get(
        type(value), "a number"
    )


def _check_depth(value: Any, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [item for outer in level for item in _inside(outer) if isinstance(item, dict | list)]
        if not level:
            return
    raise ForeignJsonError(f"nested more than {max_depth} deep")


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
