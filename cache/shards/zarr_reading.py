"""Where the rows of a Zarr 3 array stand, so that a reader of clips takes them straight from the files.

Only the layout that ``cache.shards.zarr`` writes is known: whole rows in chunks, uncompressed, each followed by
its crc32c, many chunks a file with an index at its end. Everything else is refused before a byte of it
is believed; measured, this reads ten times as many clips as asking zarr-python, which reads whole chunks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from cache.common import gate
from cache.common.errors import DamagedCacheError
from cache.common.foreign_json import parse_json
from cache.common.gate import require_array_name
from cache.common.types import Array
from cache.format.json_values import all_whole
from cache.format.record import WAY_OUT, Dataset
from cache.format.schema import STORED_DTYPES, stored_dtype
from cache.shards.open_files import open_file
from cache.shards.rows import RowReader
from cache.shards.zarr_encoding import CRC_BYTES, INDEX_ENTRY, Grid

METADATA = "zarr.json"
NUMPY_DTYPE = "numpy_dtype"
MAX_METADATA = 1 << 20
CODECS = ["bytes", "crc32c"]
DATA_TYPES = {dtype.name: dtype for dtype in STORED_DTYPES.values()}


@dataclass(frozen=True)
class ArrayLayout:
    """What an array's ``zarr.json`` says.

    Attributes:
        shape: as the contract has it; text is one-dimensional.
        dtype: as the contract has it.
        chunk_rows: rows of a chunk.
        file_rows: rows of a file; the same where a file is one chunk without an index.
        is_sharded: whether files hold several chunks and an index.
        has_index: whether that index is believed; else the chunks are supposed one after the other.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_rows: int
    file_rows: int
    is_sharded: bool
    has_index: bool = True

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return int(self.dtype.itemsize) * math.prod(self.shape[1:])


def read_kind(shard: Path, name: str) -> str:
    """Return ``array`` or ``group``, as the metadata says; raises OSError or ValueError."""
    return str(_metadata(shard, name).get("node_type"))


def read_layout(shard: Path, name: str) -> ArrayLayout:
    """Read an array's metadata; raises OSError, or ValueError for any other layout."""
    value = _metadata(shard, name)
    try:
        return _parsed(value)
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"not the metadata of an array ({type(error).__name__}: {error})") from None


def _metadata(shard: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = parse_json(
        gate.read(shard.parents[1], shard / require_array_name(name) / METADATA, MAX_METADATA)
    )
    return value


def _parsed(value: Mapping[str, Any]) -> ArrayLayout:
    shape, dtype = all_whole(value["shape"]), DATA_TYPES[value["data_type"]]
    grid, codecs = value["chunk_grid"], value["codecs"]
    file_shape = all_whole(grid["configuration"]["chunk_shape"])
    chunk_shape, is_sharded = file_shape, codecs[0]["name"] == "sharding_indexed"
    if is_sharded:
        sharding = codecs[0]["configuration"]
        chunk_shape, codecs = all_whole(sharding["chunk_shape"]), sharding["codecs"]
        if len(value["codecs"]) != 1 or sharding.get("index_location", "end") != "end":
            raise ValueError("another sharding than this project's")
        if [codec["name"] for codec in sharding["index_codecs"]] != CODECS:
            raise ValueError("another index than this project's")
    if grid["name"] != "regular" or [codec["name"] for codec in codecs] != CODECS:
        raise ValueError("another chunk grid or other codecs than this project's")
    if value["chunk_key_encoding"] != {"name": "default", "configuration": {"separator": "."}}:
        raise ValueError("other names of chunks than this project's")
    if len(shape) not in (1, 2) or min(shape) < 0:
        raise ValueError(f"{dtype} of shape {shape}")
    if file_shape[1:] != shape[1:] or chunk_shape[1:] != shape[1:] or chunk_shape[0] < 1:
        raise ValueError("chunks that are no whole rows")
    if file_shape[0] % chunk_shape[0] or file_shape[0] < 1:
        raise ValueError("files that are no whole chunks")
    if NUMPY_DTYPE in value["attributes"]:
        dtype, shape = _text(value["attributes"][NUMPY_DTYPE], dtype, shape)
    return ArrayLayout(shape, dtype, chunk_shape[0], file_shape[0], is_sharded)


def _text(name: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    text = stored_dtype(name)
    if text.kind != "S" or dtype != np.uint8 or len(shape) != 2 or text.itemsize != shape[1]:
        raise ValueError(f"text {name} of shape {shape}")
    return text, shape[:1]


class ZarrShardFile(RowReader):
    """A shard's folder: its arrays are divided into files of chunks, which are opened as they are needed."""

    def __init__(self, path: Path, datasets: Mapping[str, Dataset]) -> None:
        super().__init__(path, datasets)
        self._layouts: dict[str, ArrayLayout] = {}
        self._files: dict[tuple[str, int], _ChunkFile] = {}

    def _fill(self, name: str, start: int, out: Array) -> None:
        layout, row_bytes = self._layout(name), self._datasets[name].row_bytes
        view = out.data.cast("B")
        row, done = start, 0
        while done < len(out):
            number, inside = divmod(row, layout.file_rows)
            count = min(len(out) - done, layout.file_rows - inside)
            part = view[done * row_bytes : (done + count) * row_bytes]
            self._file(name, number, layout).read_rows(inside, part)
            row, done = row + count, done + count

    def _layout(self, name: str) -> ArrayLayout:
        return self._layouts.get(name) or self._layouts.setdefault(name, self._read_layout(name))

    def _read_layout(self, name: str) -> ArrayLayout:
        try:
            layout = read_layout(self._path, name)
        except (OSError, ValueError) as error:
            raise DamagedCacheError(f"{self._path / name}: {error}; {WAY_OUT}") from None
        expected = self._datasets[name]
        if (layout.shape, layout.dtype) != (expected.shape, expected.numpy_dtype):
            raise DamagedCacheError(
                f"{self._path / name}: {layout.dtype}{layout.shape}, its record promises "
                f"{expected.numpy_dtype}{expected.shape}; {WAY_OUT}"
            )
        return layout

    def _file(self, name: str, number: int, layout: ArrayLayout) -> _ChunkFile:
        key = (name, number)
        return self._files.get(key) or self._files.setdefault(key, self._open_file(name, number, layout))

    def _open_file(self, name: str, number: int, layout: ArrayLayout) -> _ChunkFile:
        is_flat = len(layout.shape) == 1 and layout.dtype.kind != "S"
        path = self._path / name / (f"c.{number}" if is_flat else f"c.{number}.0")
        try:
            return _ChunkFile(path, self._root, layout)
        except OSError as error:
            raise DamagedCacheError(f"{path}: {error.strerror or error}; {WAY_OUT}") from None


class SupposedLayout(ZarrShardFile):
    """A shard whose arrays are supposed to be laid out as the writer does it, whatever its metadata say.

    What is read so is only to be believed under a checksum. So values outlive a damaged ``zarr.json`` or index.
    """

    def _read_layout(self, name: str) -> ArrayLayout:
        expected = self._datasets[name]
        grid = Grid.of_rows(expected.shape[0], expected.row_bytes)
        chunks = grid.chunk_rows, grid.file_rows, grid.is_sharded
        return ArrayLayout(expected.shape, expected.numpy_dtype, *chunks, has_index=False)


class _ChunkFile:
    """One file of an array: chunks of rows, each followed by its crc32c, and where each begins."""

    def __init__(self, path: Path, root: Path, layout: ArrayLayout) -> None:
        self._path = path
        self._layout = layout
        self._chunk_bytes = layout.chunk_rows * layout.row_bytes
        count = layout.file_rows // layout.chunk_rows
        self._file = open_file(path, root, count * (self._chunk_bytes + CRC_BYTES + INDEX_ENTRY) + CRC_BYTES)
        has_index = layout.is_sharded and layout.has_index
        self._starts = self._index() if has_index else np.arange(count) * (self._chunk_bytes + CRC_BYTES)

    def _index(self) -> Array:
        """Return the byte at which each chunk begins, from the index at the file's end."""
        count = self._layout.file_rows // self._layout.chunk_rows
        length = count * INDEX_ENTRY + CRC_BYTES
        data, size = self._file.end(length)
        if len(data) != length or google_crc32c.value(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise DamagedCacheError(f"{self._path}: its index is damaged; {WAY_OUT}")
        index = np.frombuffer(data[:-4], "<u8").reshape(count, 2)
        written = index[:, 1] == self._chunk_bytes + CRC_BYTES
        inside = index[:, 0] <= max(0, size - length - self._chunk_bytes - CRC_BYTES)
        return np.where(written & inside, index[:, 0], np.uint64(2**63 - 1)).astype(np.int64)

    def read_rows(self, row: int, out: memoryview) -> None:
        """Fill ``out`` with the bytes of the rows from ``row`` on."""
        for begin, piece in self._pieces(row, out):
            self._file.fill(piece, begin)

    def _pieces(self, row: int, out: memoryview) -> Iterator[tuple[int, memoryview]]:
        row_bytes, done = self._layout.row_bytes, 0
        while done < len(out):
            chunk, inside = divmod(row, self._layout.chunk_rows)
            count = min(len(out) - done, (self._layout.chunk_rows - inside) * row_bytes)
            begin = int(self._starts[chunk])
            if begin == 2**63 - 1:
                raise DamagedCacheError(f"{self._path}: chunk {chunk} is missing; {WAY_OUT}")
            yield begin + inside * row_bytes, out[done : done + count]
            row, done = row + count // row_bytes, done + count
