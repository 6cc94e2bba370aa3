"""The bytes of a Zarr 3 array's chunks: whole rows, each chunk with its crc32c.

They are what zarr-python would write, byte for byte (a test compares them). It copies every value three
times on the way; here each is copied once, into a buffer that serves one file after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c
import numpy as np

from cache.common.types import Array
from cache.format.checksums import crc32c_of_whole

CHUNK_BYTES = 1 << 19  # about a clip at 1024 channels; zarr-python reads whole chunks, our reader only rows
FILE_BYTES = 1 << 24
CRC_BYTES = 4
INDEX_ENTRY = 16  # bytes: where a chunk begins, and how long it is
MISSING = 2**64 - 1  # in an index: a chunk beyond the array's end


@dataclass(frozen=True)
class Grid:
    """How the rows of an array are divided.

    Attributes:
        chunk_rows: rows of a chunk.
        file_rows: rows of a file; the same where a file is one chunk without an index.
        is_sharded: whether files hold several chunks and an index.
    """

    chunk_rows: int
    file_rows: int
    is_sharded: bool

    @classmethod
    def of(cls, array: Array) -> Grid:
        """Choose for an array; a small one needs one chunk."""
        return cls.of_rows(len(array), array.nbytes // max(1, len(array)))

    @classmethod
    def of_rows(cls, rows: int, row_bytes: int) -> Grid:
        """Choose for so many rows of so many bytes."""
        row_bytes = max(1, row_bytes)
        chunk = max(1, CHUNK_BYTES // row_bytes)
        if rows <= chunk:
            return cls(max(1, rows), max(1, rows), is_sharded=False)
        chunks = min(-(-rows // chunk), max(1, FILE_BYTES // (chunk * row_bytes)))
        return cls(chunk, chunk * chunks, is_sharded=True)

    def encoded(self, array: Array) -> Iterator[tuple[str, Array, int]]:
        """Yield each file of an array: its name, its bytes, which hold until the next one, and their crc32c."""
        row_bytes = array.itemsize * math.prod(array.shape[1:])
        flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        rows: Array = flat.reshape(-1).view(np.uint8).reshape(len(array), row_bytes)
        fill = np.full(math.prod(array.shape[1:]), np.nan if array.dtype.kind == "f" else 0, array.dtype)
        chunks = self.file_rows // self.chunk_rows
        index_bytes = chunks * INDEX_ENTRY + CRC_BYTES if self.is_sharded else 0
        buffer = np.empty(chunks * (self.chunk_rows * row_bytes + CRC_BYTES) + index_bytes, np.uint8)
        for number, start in enumerate(range(0, len(array), self.file_rows)):
            used, sums = _put_chunks(
                rows[start : start + self.file_rows], self.chunk_rows, buffer, fill.view(np.uint8)
            )
            lengths = [used // len(sums)] * len(sums)
            if self.is_sharded:
                index = np.full((chunks, 2), MISSING, "<u8")
                index[: len(sums), 0] = np.arange(len(sums)) * lengths[0]
                index[: len(sums), 1] = lengths[0]
                sums.append(_put(index.reshape(-1).view(np.uint8), buffer[used:]))
                lengths.append(index_bytes)
            data = buffer[: sum(lengths)]
            name = ".".join(["c", str(number), *["0"] * (array.ndim - 1)])
            yield name, data, crc32c_of_whole(sums, lengths)


def _put_chunks(rows: Array, chunk_rows: int, buffer: Array, fill: Array) -> tuple[int, list[int]]:
    """Put rows into a buffer chunk by chunk, the last one filled up; return bytes used, and their crc32c."""
    used, sums = 0, []
    for start in range(0, len(rows), chunk_rows):
        chunk = rows[start : start + chunk_rows]
        if len(chunk) < chunk_rows:
            chunk = np.concatenate([chunk, np.broadcast_to(fill, (chunk_rows - len(chunk), len(fill)))])
        sums.append(_put(chunk.reshape(-1), buffer[used:]))
        used += chunk.nbytes + CRC_BYTES
    return used, sums


def _put(data: Array, buffer: Array) -> int:
    """Put bytes and their crc32c at a buffer's beginning; return the crc32c of both together."""
    size = len(data)
    buffer[:size] = data
    own = google_crc32c.value(buffer[:size])
    buffer[size : size + CRC_BYTES] = np.frombuffer(own.to_bytes(CRC_BYTES, "little"), np.uint8)
    return int(google_crc32c.extend(own, buffer[size : size + CRC_BYTES].tobytes()))
