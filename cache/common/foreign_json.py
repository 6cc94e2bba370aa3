"""JSON that somebody else may have written: read with bounds on its size, depth, memory, numbers and text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cache.common import durable

MAX_BYTES = 1 << 26
MAX_DEPTH = 32
MAX_MEMORY = 1 << 28  # bytes that the values may take in memory, about
# Bytes that Python takes: an object with its first entry, a list with its first, one more of either.
COSTS = {"{": 250, "[": 100, ",": 90}
MAYBE_INFINITE = re.compile(r"[eE]\+?0*[1-9][0-9]{2}|[0-9]{309}")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class ForeignJsonError(ValueError):
    """The text is no JSON that this project reads; its text is the reason alone, without a path."""


def parse_json(
    data: bytes | str,
    expected: type = dict,
    max_depth: int = MAX_DEPTH,
    parse_number: Callable[[str], Any] | None = None,
    *,
    surrogates: bool = False,
) -> Any:
    """Return the JSON value in ``data``.

    Args:
        data: the text, UTF-8 where it is bytes.
        expected: what the outermost value must be: ``dict``, ``list`` or ``object`` for any.
        max_depth: of lists and objects inside each other.
        parse_number: makes something else than int and float of a number's text.
        surrogates: take text with half a surrogate pair, which stands for a byte of a file name that is no UTF-8.

    Raises:
        ForeignJsonError: no JSON, nested too deeply, too many values, or another kind of value; numbers that are
            not finite, which JSON does not have, are refused as well.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        _check_memory(text)
        is_odd = parse_number is None and MAYBE_INFINITE.search(text)
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=parse_number,
            parse_float=_finite if is_odd else parse_number,
        )
        if not surrogates and SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ForeignJsonError(f"nested more than {max_depth} deep") from None
    except UnicodeEncodeError:
        raise ForeignJsonError("half a surrogate pair, which is no text") from None
    except ForeignJsonError:
        raise
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


def _check_memory(text: str) -> None:
    """Refuse text that would grow large in memory before it is parsed: 64 MB of ``{},`` become 5 GB."""
    memory = sum(cost * text.count(sign) for sign, cost in COSTS.items())
    if memory > MAX_MEMORY:
        raise ForeignJsonError(f"its values would take about {memory >> 20} MB, more than {MAX_MEMORY >> 20}")


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text[:20])


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
