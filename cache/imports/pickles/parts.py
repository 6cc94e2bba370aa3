"""What a pickle of arrays is made of, described and never called: bytes in the file, dtypes, arrays, tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.types import Array
from cache.imports.values import UnreadableError, Values, in_file, of_array, read_span, require_numbers

DAMAGED = "damaged: its parts do not fit each other"
TORCH_TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
MAX_STRETCH = 64  # a tensor of more numbers than its storage is a repetition; more than so often is an attack


@dataclass(frozen=True)
class Bytes:
    """Bytes that stay in the file; ``is_text``: written as UTF-8, one character a byte, as old pickles do."""

    path: Path
    begin: int
    size: int
    is_text: bool = False

    def read(self) -> bytes:
        """Return them; raises UnreadableError."""
        data = read_span(self.path, self.begin, self.size).tobytes()
        return _one_byte_each(data.decode()) if self.is_text else data


@dataclass(frozen=True)
class Symbol:
    """A global that a pickle names and that is understood; nothing is imported."""

    module: str
    name: str


@dataclass
class DType:
    """A numpy dtype under way: its kind and size, and the byte order that comes later."""

    code: str
    order: str = "|"

    def numpy(self) -> np.dtype[Any]:
        """Return it; raises UnreadableError for one that is none of plain numbers."""
        if self.code.startswith("O"):
            require_numbers(np.dtype(object))
        if self.code[:1] not in "fiub" or self.code[1:] not in {"1", "2", "4", "8"}:
            raise UnreadableError(f"an array of dtype {self.code[:20]!r}, expected real numbers")
        try:
            return np.dtype(self.code).newbyteorder(">" if self.order == ">" else "=")
        except TypeError:
            raise UnreadableError(DAMAGED) from None


@dataclass
class ArrayShell:
    """A numpy array under way."""

    values: Values | None = None


@dataclass
class Storage:
    """The numbers of a torch tensor: where they lie is known when the whole file has been read."""

    path: Path
    dtype: str
    count: int
    place: Callable[[], tuple[int, int]] = field(default=lambda: (0, 0))  # first byte, byte after the last

    @property
    def item(self) -> np.dtype[Any]:
        """The dtype as it lies in the file."""
        return np.dtype("<u2" if self.dtype == "bfloat16" else self.dtype)

    @property
    def numpy(self) -> np.dtype[Any]:
        """The dtype as it is read: numpy has no bfloat16, each of which is a float32."""
        return np.dtype("<f4" if self.dtype == "bfloat16" else self.dtype)


def plain_bytes(value: Any) -> bytes | Bytes:
    """Return what a pickle holds as the bytes of an array; Python 2 wrote them as text."""
    if isinstance(value, bytes | Bytes):
        return value
    if isinstance(value, str):
        return _one_byte_each(value)
    raise UnreadableError(DAMAGED)


def _one_byte_each(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise UnreadableError(DAMAGED) from None


def array_of(data: bytes | Bytes, shape: Any, dtype: Any, is_fortran: bool) -> Values:
    """Return the values of a numpy array from the parts that its pickle holds."""
    shape = _sizes(shape)
    if not isinstance(dtype, DType):
        raise UnreadableError(DAMAGED)
    kind = dtype.numpy()
    if isinstance(data, Bytes) and not data.is_text and not is_fortran:
        if math.prod(shape) * kind.itemsize != data.size:
            raise UnreadableError(DAMAGED)
        return in_file(data.path, data.begin, shape, kind, data.begin + data.size)

    def load() -> Array:
        held = data.read() if isinstance(data, Bytes) else data
        if len(held) != math.prod(shape) * kind.itemsize:
            raise UnreadableError(DAMAGED)
        return np.frombuffer(held, kind).reshape(shape, order="F" if is_fortran else "C")

    return Values(shape, kind, load) if isinstance(data, Bytes) else of_array(load())


def tensor_of(storage: Any, offset: Any, size: Any, stride: Any) -> Values:
    """Return the values of a torch tensor from its storage, offset, size and strides [numbers]."""
    size, stride = _sizes(size), _sizes(stride)
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0 or len(size) != len(stride):
        raise UnreadableError(DAMAGED)
    count = math.prod(size)
    last = (
        offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if count else 0
    )
    if (count and last >= storage.count) or count > MAX_STRETCH * max(1, storage.count):
        raise UnreadableError(DAMAGED)

    def span() -> Values:
        begin, end = storage.place()
        first = begin + offset * storage.item.itemsize
        return in_file(storage.path, first, (max(0, last - offset + 1) if count else 0,), storage.item, end)

    def load() -> Array:
        flat = _as_float32(span().load()) if storage.dtype == "bfloat16" else span().load()
        steps = [step * flat.itemsize for step in stride]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, size, steps, writeable=False))

    def cut(begin: int, end: int) -> Values:
        begin, end = min(begin, size[0]), min(end, size[0])
        return tensor_of(storage, offset + begin * stride[0], (max(0, end - begin), *size[1:]), stride)

    return Values(size, storage.numpy, load, cut if size else None)


def _as_float32(halves: Array) -> Array:
    return (halves.astype("<u4") << np.uint32(16)).view("<f4")


def _sizes(value: Any) -> tuple[int, ...]:
    value = (value,) if type(value) is int else value
    if not isinstance(value, tuple | list) or not all(type(each) is int and each >= 0 for each in value):
        raise UnreadableError(DAMAGED)
    return tuple(value)


def number_of(dtype: Any, data: Any) -> float | int | bool:
    """Return a numpy scalar as a number."""
    values = array_of(plain_bytes(data), (), dtype, False).load()
    number: float | int | bool = values.item()
    return number
