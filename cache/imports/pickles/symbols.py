"""The globals that a pickle of arrays may name, and what each makes of its arguments; any other is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cache.imports.pickles.parts import (
    DAMAGED,
    TORCH_TYPES,
    ArrayShell,
    Bytes,
    DType,
    Symbol,
    array_of,
    number_of,
    plain_bytes,
    tensor_of,
)
from cache.imports.values import UnreadableError, Values

ONLY = "only arrays, tensors, dicts, lists, tuples, text and numbers are read, and nothing is ever run"
TABLES = ("pandas", "polars")
NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
BUILTINS = ("builtins", "__builtin__")


class Nested(Bytes):
    """Bytes that are a torch file of their own, as plain pickles keep each tensor's numbers."""


def _reconstruct(*_: Any) -> ArrayShell:
    return ArrayShell()


def _dtype(code: Any, *_: Any) -> DType:
    if not isinstance(code, str):
        raise UnreadableError(DAMAGED)
    return DType(code)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> Values:
    return array_of(plain_bytes(data), shape, dtype, order == "F")


def _encode(text: Any, coding: Any = "latin1") -> bytes | Bytes:
    if coding not in ("latin1", "latin-1", "iso-8859-1"):
        raise UnreadableError(DAMAGED)
    if isinstance(text, Bytes):
        return Bytes(text.path, text.begin, text.size, is_text=True)
    return plain_bytes(text)


def _bytes(data: Any = b"", *_: Any) -> bytes | Bytes:
    return plain_bytes(data)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Values:
    return tensor_of(storage, offset, size, stride)


def _parameter(data: Any, *_: Any) -> Values:
    if not isinstance(data, Values):
        raise UnreadableError(DAMAGED)
    return data


def _ordered(items: Any = (), *_: Any) -> dict[Any, Any]:
    return {key: value for key, value in items}


def _nested(data: Any) -> Nested:
    if not isinstance(data, Bytes) or data.is_text:
        raise UnreadableError(
            "a tensor in a way that is not known; save it with torch.save, or as a numpy array"
        )
    return Nested(data.path, data.begin, data.size)


def _size(items: Any = ()) -> tuple[Any, ...]:
    return tuple(items)


CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    **{(module, "_reconstruct"): _reconstruct for module in NUMPY},
    **{(module, "scalar"): number_of for module in NUMPY},
    **{(module, "_frombuffer"): _from_buffer for module in NUMERIC},
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    **{(module, name): _bytes for module in BUILTINS for name in ("bytes", "bytearray")},
    ("collections", "OrderedDict"): _ordered,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _nested,
    ("torch", "Size"): _size,
}
NAMES = {("numpy", "ndarray"), *(("torch", name) for name in TORCH_TYPES)}  # known, but never called


def symbol(module: object, name: object) -> Symbol:
    """Return a global that a pickle names.

    Raises:
        UnreadableError: it is none of arrays, tensors and plain containers; the text names it.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise UnreadableError(DAMAGED)
    if (module, name) not in CALLS and (module, name) not in NAMES:
        advice = "save the table as CSV or parquet" if module.startswith(TABLES) else "save plain arrays"
        raise UnreadableError(f"refused: it names {f'{module}.{name}'[:120]}; {ONLY}; {advice}")
    return Symbol(module, name)


def call(function: object, arguments: object) -> Any:
    """Return what a known global makes of its arguments; nothing of the file's is run.

    Raises:
        UnreadableError: it is not one of those that make values, or the arguments are none of its.
    """
    made = CALLS.get((function.module, function.name)) if isinstance(function, Symbol) else None
    if made is None or not isinstance(arguments, tuple):
        raise UnreadableError(DAMAGED)
    try:
        return made(*arguments)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(DAMAGED) from None


def build(thing: object, state: object) -> None:
    """Give an array or a dtype under way what its pickle keeps apart; an ordered dict has nothing to be given.

    Raises:
        UnreadableError: anything else, or a state that is none.
    """
    match thing, state:
        case ArrayShell(), (_, shape, dtype, bool() as is_fortran, data):
            if isinstance(data, list):
                raise UnreadableError("an object array: its entries would have to be unpickled; save numbers")
            thing.values = array_of(plain_bytes(data), shape, dtype, is_fortran)
        case ArrayShell(), (_, shape, dtype, int() as order, data) if order in (0, 1):
            build(thing, (1, shape, dtype, bool(order), data))
        case DType(), (_, str() as order, None, *_):
            thing.order = order
        case dict(), dict():
            pass
        case _:
            raise UnreadableError(DAMAGED)
