"""Rows of the arrays of an open shard: the part of reading that is the same in every back end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cache.common.errors import DamagedCacheError
from cache.common.types import Array
from cache.format.record import WAY_OUT, Dataset


class RowReader(ABC):
    """A shard that is open for positioned reads. They share no state, so threads and forks may read at once."""

    def __init__(self, path: Path, datasets: Mapping[str, Dataset]) -> None:
        self._path = path
        self._root = path.parents[1]  # of the cache; not even shards/ may be a link
        self._datasets = datasets

    def read(self, name: str, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` in a new array."""
        dataset = self._datasets[name]
        out = np.empty((stop - start, *dataset.shape[1:]), dataset.numpy_dtype)
        self.read_into(name, start, out)
        return out

    def read_into(self, name: str, start: int, out: Array) -> None:
        """Fill ``out`` (C-contiguous, stored dtype) with rows from ``start`` on.

        Raises:
            ValueError: the buffer is of another dtype or row shape.
            DamagedCacheError: the shard does not hold these rows.
        """
        dataset = self._datasets[name]
        if out.dtype != dataset.numpy_dtype or out.shape[1:] != dataset.shape[1:]:
            raise ValueError(
                f"buffer is {out.dtype}{out.shape[1:]}, {name} is {dataset.numpy_dtype}{dataset.shape[1:]}"
            )
        if start < 0 or start + len(out) > dataset.shape[0]:
            raise DamagedCacheError(
                f"{self._path}: {name} ends at row {dataset.shape[0]}, asked for {start + len(out)}; {WAY_OUT}"
            )
        if out.nbytes:
            self._fill(name, start, out)

    @abstractmethod
    def _fill(self, name: str, start: int, out: Array) -> None:
        """Fill ``out``, which fits, with rows that the record promises."""
