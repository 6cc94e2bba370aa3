"""Arrays that lie in somebody's file: known by shape and dtype, read when they are needed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.errors import CacheError
from cache.common.types import Array

KINDS = "fiub"  # floats, integers, bool: what may be features


class UnreadableError(CacheError, ValueError):
    """A file or an entry of it cannot be taken; its text says what was found, ``reason`` is its code."""

    def __init__(self, message: str, reason: str = "unreadable") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Values:
    """An array that is read later.

    Attributes:
        shape: of it.
        dtype: of what ``load`` returns.
        load: reads it; raises UnreadableError, OSError.
        cut: reads no more than rows begin:end; None where only the whole can be read.
        times: reads the time of each row [s]; None where nothing says it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Array]
    cut: Callable[[int, int], Values] | None = None
    times: Callable[[], Array] | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes of it in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def rows(self, begin: int, end: int) -> Values:
        """Return rows begin:end as values of their own."""
        if self.cut:
            return self.cut(begin, end)
        shape = (max(0, end - begin), *self.shape[1:])
        return Values(shape, self.dtype, lambda: self.load()[begin:end])

    def row(self, number: int) -> Values:
        """Return one row, without the first axis."""
        part = self.rows(number, number + 1)
        return Values(self.shape[1:], self.dtype, lambda: part.load()[0])


def of_array(array: Array) -> Values:
    """Return values that are in memory already."""
    return Values(array.shape, array.dtype, lambda: array, lambda begin, end: of_array(array[begin:end]))


def require_numbers(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype that is none of numbers.

    Raises:
        UnreadableError: objects, text, complex numbers or records.
    """
    if dtype.kind == "O":
        raise UnreadableError("an object array: its entries would have to be unpickled; save numbers")
    if dtype.kind not in KINDS or dtype.itemsize > 8:
        raise UnreadableError(f"an array of dtype {dtype}, expected real numbers")


def in_file(path: Path, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any], end: int) -> Values:
    """Return a row-major array that lies in a file as it is in memory.

    Args:
        path: of the file.
        begin: its first byte there.
        shape: of the array.
        dtype: of its numbers.
        end: byte at which the file, or the part of it that may hold the array, ends.

    Raises:
        UnreadableError: it is no array of numbers, or not all of it is there.
    """
    require_numbers(dtype)
    size = math.prod(shape) * dtype.itemsize
    if any(length < 0 for length in shape) or begin < 0 or size > end - begin:
        raise UnreadableError(
            f"cut short or damaged: an array of shape {shape} needs {size} bytes, has {end - begin}"
        )

    def load() -> Array:
        return read_span(path, begin, size).view(dtype).reshape(shape)

    def cut(first: int, last: int) -> Values:
        first, last = min(first, shape[0]), min(last, shape[0])
        row = math.prod(shape[1:]) * dtype.itemsize
        part = (max(0, last - first), *shape[1:])
        return in_file(path, begin + first * row, part, dtype, end)

    return Values(shape, dtype, load, cut if shape else None)


def read_span(path: Path, begin: int, size: int) -> Array:
    """Return ``size`` bytes of a file from ``begin`` on; raises UnreadableError if they are not there any more."""
    data: np.ndarray[Any, Any] = np.empty(size, np.uint8)
    with path.open("rb", buffering=0) as file:
        done, view = 0, data.data
        while done < size:
            count = os.preadv(file.fileno(), [view[done : done + (1 << 30)]], begin + done)
            if not count:
                raise UnreadableError("became shorter while it was read; is it still being written?")
            done += count
    return data
