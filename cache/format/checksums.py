"""crc32c of arrays and files, and the crc32c of a whole from those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import google_crc32c
import numpy as np

from cache.common import gate
from cache.common.types import Array

BLOCK = 1 << 22  # bytes
POLYNOMIAL = np.uint32(0x82F63B78)  # Castagnoli, reflected


def crc32c(array: Array) -> int:
    """Return the crc32c of an array's bytes as they are stored."""
    return int(google_crc32c.value(np.ascontiguousarray(array).reshape(-1).view(np.uint8)))


def crc32c_of_file(path: Path, root: Path | None = None) -> int:
    """Return the crc32c of a file, read in blocks; below ``root`` no link is followed."""
    checksum = google_crc32c.Checksum()
    with gate.opened(root or path.parent, path) as file:
        while block := file.read(BLOCK):
            checksum.update(block)
    return int.from_bytes(checksum.digest(), "big")


def crc32c_of_whole(parts: Sequence[int] | Array, lengths: Sequence[int] | Array) -> int:
    """Return the crc32c of bytes whose consecutive parts have these checksums and lengths [bytes].

    A part's checksum is advanced over the bytes that follow it, for all parts at once: 2^b bytes at a time,
    for every bit b of their number. So bytes that were checksummed once need not be read again.
    """
    sums = np.array(parts, dtype=np.uint32)
    sizes = np.array(lengths, dtype=np.int64)
    behind = sizes[::-1].cumsum()[::-1] - sizes
    for bit in range(int(behind.max(initial=0)).bit_length()):
        chosen = (behind >> bit & 1).astype(bool)
        if chosen.any():
            sums[chosen] = _advanced(_tables(bit), sums[chosen])
    return int(np.bitwise_xor.reduce(sums, initial=np.uint32(0)))


def _advanced(tables: Array, sums: Array) -> Array:
    """Apply an operator, given for each of the four bytes of a checksum, to many checksums."""
    advanced: Array = tables[0][sums & 255]
    for byte in (1, 2, 3):
        advanced = advanced ^ tables[byte][sums >> np.uint32(8 * byte) & 255]
    return advanced


@cache
def _tables(bit: int) -> Array:
    """Return the operator that advances a checksum over 2^bit zero bytes: (4, 256) uint32."""
    if bit:
        half = _tables(bit - 1)
        return _advanced(half, half.reshape(-1)).reshape(4, 256)
    sums = (np.arange(256, dtype=np.uint32)[None] << (8 * np.arange(4, dtype=np.uint32)[:, None])).reshape(-1)
    for _ in range(8):
        sums = np.where(sums & 1, sums >> np.uint32(1) ^ POLYNOMIAL, sums >> np.uint32(1))
    return sums.reshape(4, 256)
