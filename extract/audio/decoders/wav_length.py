"""Lengths in wav headers that are none: what a program writes that cannot go back to fill in the right one."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

NEAR = 1 << 16  # bytes: such values lie just below, at, or just above these limits, less the size of a header
LIMITS = (1 << 31, 1 << 32)
MAX_CHUNKS = 1000
CHUNK_NAME = re.compile(rb"[ -~]{4}")
ORDERS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<"}  # of bytes
DS64 = 28  # where an RF64 has the length of its data, 64 bits
LONGEST = 1 << 62  # bytes


def is_no_length(stated: int) -> bool:
    """Say whether a stated number of bytes means "until the file ends": 0, or about 2 or 4 GiB."""
    return stated == 0 or any(abs(stated - limit) <= NEAR for limit in LIMITS)


def has_no_length(path: Path) -> bool:
    """Say whether a file is a wav whose header states no length of its data."""
    with path.open("rb") as file:
        data = _data(file, path.stat().st_size)
    return data is not None and is_no_length(data[1])


def open_with_length(path: Path) -> WithLength | None:
    """Open a wav whose header says that there is no sound (0 bytes), though some follows, as if it said how much.

    A wav that is truly empty may have further chunks (tags) behind its empty data: they make a chain that ends
    where the file does, which sound does not.

    Returns:
        The file as its header should be; None where the header is right, or no reader takes it amiss.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        start, length = _data(file, size) or (size, 0)
        file.seek(0)
        name = file.read(4)
        place, form = (DS64, "<Q") if name == b"RF64" else (start - 4, f"{ORDERS.get(name, '<')}I")
        if name == b"RF64":
            file.seek(DS64)
            length = struct.unpack(form, file.read(8).ljust(8, b"\0"))[0]
        if 0 < length < LONGEST or start >= size or _is_chain(file, start, size):
            return None
    return WithLength(path, place, struct.pack(form, min(size - start, (1 << 8 * struct.calcsize(form)) - 2)))


class WithLength(io.FileIO):
    """A file in which some bytes read as others."""

    def __init__(self, path: Path, place: int, content: bytes) -> None:
        super().__init__(path)
        self._place, self._content = place, content

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return the number of bytes."""
        begin = self.tell()
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for position, byte in enumerate(self._content, self._place - begin):
            if 0 <= position < count:
                view[position] = byte
        return count


def _data(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Return where the data begin and how long they are said to be [bytes]; None when there are none."""
    file.seek(8)
    if file.read(4) != b"WAVE":
        return None
    position = 12
    for _ in range(MAX_CHUNKS):
        name, length = _chunk(file, position)
        if name == b"data":
            return position + 8, length
        position += 8 + length + length % 2
        if not name or position >= size:
            return None
    return None


def _is_chain(file: BinaryIO, position: int, size: int) -> bool:
    for _ in range(MAX_CHUNKS):
        name, length = _chunk(file, position)
        if not CHUNK_NAME.fullmatch(name):
            return False
        position += 8 + length
        if position >= size:
            return position == size
        position += length % 2
        if position >= size:
            return True
    return False


def _chunk(file: BinaryIO, position: int) -> tuple[bytes, int]:
    """Return name and length of a chunk; no name where there is none, or the file is no wav."""
    file.seek(0)
    order = ORDERS.get(file.read(4))
    file.seek(position)
    head = file.read(8)
    return (head[:4], struct.unpack(f"{order}I", head[4:])[0]) if order and len(head) == 8 else (b"", 0)
