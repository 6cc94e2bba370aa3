"""Parquet tables with a row a frame, as csv ones; or one column that holds the list of a frame's features."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.errors import CacheError
from cache.common.types import Array
from cache.imports.layouts.columns import Columns, columns_of
from cache.imports.part import Part
from cache.imports.values import UnreadableError, Values

Run = tuple[int, int, int]  # row group, first row in it, row after the last


def parts(path: Path, _key: str | None = None) -> Iterator[Part]:
    """Yield the clips of a table; its rows are read when they are needed.

    Raises:
        CacheError: pyarrow is not installed.
        UnreadableError, OSError: nothing of it can be taken.
    """
    arrow, parquet = _library()
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = columns_of(names)
            runs = _runs(file, names, columns)
            width = _width(file, names, columns)
    except (arrow.ArrowException, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"damaged: no parquet file ({' '.join(str(error).split())[:120]})") from None
    for clip_id, places in runs.items():
        yield Part(clip_id, _values(path, columns, places, width))


def _library() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise CacheError(
            "parquet needs pyarrow: pip install 'emi-fusion[export]', or save the table as CSV"
        ) from None
    return pyarrow, pyarrow.parquet


def _runs(file: Any, names: list[str], columns: Columns) -> dict[str | None, list[Run]]:
    """Return where the rows of each clip are; all rows under None where no column has ids."""
    runs: dict[str | None, list[Run]] = {}
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if columns.clip is None:
            runs.setdefault(None, []).append((group, 0, rows))
            continue
        ids = file.read_row_group(group, columns=[names[columns.clip]]).column(0).to_pylist()
        begin = 0
        for row in range(1, len(ids) + 1):
            if row == len(ids) or ids[row] != ids[begin]:
                runs.setdefault(_id(ids[begin]), []).append((group, begin, row))
                begin = row
    return runs


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnreadableError(f"an id {str(value)[:40]!r}, expected text")
    return str(value)


def _width(file: Any, names: list[str], columns: Columns) -> int:
    """Return the numbers of a frame: the columns, or those of the first list."""
    if len(columns.features) != 1 or not file.metadata.num_rows:
        return len(columns.features)
    first = next(file.iter_batches(1, columns=[names[columns.features[0]]])).column(0)
    held = first.to_pylist()[0]
    return len(held) if isinstance(held, list) else 1


def _values(path: Path, columns: Columns, runs: list[Run], width: int) -> Values:
    count = sum(end - begin for _, begin, end in runs)
    written = path.stat().st_mtime_ns

    def load() -> Array:
        read = [_group(path, written, group, columns.features)[begin:end] for group, begin, end in runs]
        values = np.concatenate(read) if read else np.zeros((0, width))
        if values.shape != (count, width):
            raise UnreadableError(f"rows of shape {values.shape}, expected ({count}, {width})")
        return values

    def times() -> Array:
        place = (columns.time or 0,)
        return np.concatenate([_group(path, written, g, place)[begin:end, 0] for g, begin, end in runs])

    return Values((count, width), np.dtype("<f8"), load, None, None if columns.time is None else times)


@lru_cache(maxsize=4)
def _group(path: Path, _written: int, group: int, places: tuple[int, ...]) -> Array:
    """Return the numbers of a row group; the last few stay in memory, since clips follow each other."""
    arrow, parquet = _library()
    try:
        with parquet.ParquetFile(path) as file:
            names = [file.schema_arrow.names[place] for place in places]
            table = file.read_row_group(group, columns=names)
            columns = [_column(arrow, table.column(name)) for name in names]
            return np.concatenate(columns, axis=1)
    except (arrow.ArrowException, ValueError, TypeError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"damaged: {' '.join(str(error).split())[:120]}") from None


def _column(arrow: Any, column: Any) -> Array:
    """Return a column as (rows, width) float64; an empty cell is NaN."""
    if arrow.types.is_list(column.type) or arrow.types.is_fixed_size_list(column.type):
        return np.asarray(column.to_pylist(), np.float64)
    values: Array = np.asarray(column.cast(arrow.float64()).to_numpy(zero_copy_only=False), np.float64)
    return values[:, None]
