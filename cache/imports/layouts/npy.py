"""numpy's npy files: an array a clip, or the frames of many clips one after the other beside their lengths."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from cache.common import gate
from cache.common.table_text.encoding import lines_of, text_of
from cache.common.types import Array
from cache.imports.part import Part
from cache.imports.values import UnreadableError, Values, in_file, read_span, require_numbers

LENGTHS = ".lengths"
NAMES = (".ids", ".tsv", ".emo")  # beside them: an id a line; fairseq's manifest; emotion2vec's labels
HEADER_SIZES = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}  # first bytes → bytes of the header's size
MAX_HEADER = 10_000
# As every numpy has written it. Nothing is evaluated, and other headers are not read.
HEADER = re.compile(
    r"\{'descr': '(?P<descr>[<>|=]?[a-zA-Z?]\d{0,5})', 'fortran_order': (?P<order>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}L?,? ?){0,32})\),? ?\}"
)
OTHER_TYPE = re.compile(r"'descr': \[")


class Header(NamedTuple):
    """What the header of an npy file says of the array behind it."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]


def parts(path: Path, _key: str | None = None) -> Iterator[Part]:
    """Yield the clips of a file: one, or as many as ``NAME.lengths`` beside it has lines.

    Raises:
        UnreadableError, OSError: nothing of it can be taken.
    """
    with path.open("rb") as file:
        header = read_header(file)
        values = array_in(path, file.tell(), file.seek(0, 2), header)
    lengths = path.with_suffix(LENGTHS)
    if not lengths.exists():
        yield Part(None, values)
        return
    counts, names = _lengths(lengths), _names(path)
    if len(counts) != len(names) or sum(counts) != values.shape[0]:
        raise UnreadableError(
            f"{lengths.name} has {len(counts)} clips of {sum(counts)} frames, the names beside it {len(names)}, "
            f"the array {values.shape[0]} frames"
        )
    begin = 0
    for name, count in zip(names, counts, strict=True):
        yield Part(name, values.rows(begin, begin + count))
        begin += count


def read_header(file: IO[bytes]) -> Header:
    """Read the header of an npy file.

    Raises:
        UnreadableError: it has none, or one of objects or records.
    """
    begin = file.read(8)
    count = HEADER_SIZES.get(begin)
    if count is None:
        raise UnreadableError("damaged or of another format: it does not begin as npy 1.0 and 2.0 do")
    size = int.from_bytes(file.read(count), "little")
    text = file.read(min(size, MAX_HEADER)).decode("latin-1")
    found = HEADER.fullmatch(text.strip()) if len(text) == size else None
    if found is None:
        if OTHER_TYPE.search(text):
            raise UnreadableError("an array of records, expected real numbers")
        raise UnreadableError("damaged: its header cannot be read")
    try:
        dtype = np.dtype(found["descr"])
    except (TypeError, ValueError):
        raise UnreadableError("damaged: its header cannot be read") from None
    shape = tuple(int(length.rstrip("L")) for length in found["shape"].replace(" ", "").split(",") if length)
    header = Header(shape, found["order"] == "True", dtype)
    require_numbers(header.dtype)
    return header


def array_in(path: Path, begin: int, end: int, header: Header) -> Values:
    """Return the array behind a header, whose bytes are those from ``begin`` to ``end``; raises UnreadableError."""
    if not header.is_fortran:
        return in_file(path, begin, header.shape, header.dtype, end)
    whole = in_file(path, begin, header.shape, header.dtype, end)
    size = math.prod(header.shape) * header.dtype.itemsize

    def load() -> Array:
        return read_span(path, begin, size).view(header.dtype).reshape(header.shape, order="F")

    return Values(whole.shape, whole.dtype, load)


def _lines(path: Path) -> list[str]:
    return [line for line in lines_of(text_of(gate.read_named(path), path)) if line.strip()]


def _lengths(path: Path) -> list[int]:
    lines = _lines(path)
    if not all(line.strip().isdecimal() and len(line) < 12 for line in lines):
        raise UnreadableError(f"{path.name}: expected a number of frames on each line")
    return [int(line) for line in lines]


def _names(path: Path) -> list[str]:
    beside = next((each for each in map(path.with_suffix, NAMES) if each.exists()), None)
    if beside is None:
        wanted = " or ".join(path.with_suffix(suffix).name for suffix in NAMES)
        raise UnreadableError(
            f"no ids beside {path.with_suffix(LENGTHS).name}; expected an id a line in {wanted}"
        )
    lines = _lines(beside)
    if beside.suffix == ".tsv" and lines and "\t" not in lines[0]:
        lines = lines[1:]  # fairseq's manifest begins with the folder of the sounds
    return [line.split("\t" if "\t" in line else None)[0] for line in lines]
