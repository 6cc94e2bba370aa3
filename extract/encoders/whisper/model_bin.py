"""The weights of a CTranslate2 model, ``model.bin``: their names, shapes and a hash, read without the library."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from extract.encoders.speech import weight_files
from extract.encoders.speech.check_weights import refuse_weights

BINARY_VERSIONS = range(5, 7)  # of the container; these have one layout
SPEC = "WhisperSpec"
ENCODER, DECODER = "encoder/", "decoder/"
EMBEDDINGS = DECODER + "embeddings/weight"  # (tokens, width)
MAX_VARIABLES, MAX_RANK, MAX_NAME = 1 << 16, 4, 1 << 10
# As ctranslate2's converter numbers them, with torch's names and the bytes of a value.
DTYPES = {
    0: ("float32", 4),
    1: ("int8", 1),
    2: ("int16", 2),
    3: ("int32", 4),
    4: ("float16", 2),
    5: ("bfloat16", 2),
}
# Bits of a floating-point number: the type that holds them, and the exponent, which is full where it is not finite.
FLOATS = {"float32": ("<u4", 0x7F800000), "float16": ("<u2", 0x7C00), "bfloat16": ("<u2", 0x7F80)}
CHUNK = 1 << 20  # bytes read at once


class Variable(NamedTuple):
    """One weight and where it lies in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def encoder_variables(path: Path) -> dict[str, Variable]:
    """Return the encoder's variables by name, such as ``encoder/conv1/weight``; see ``read_variables``."""
    return read_variables(path, ENCODER)


def read_variables(path: Path, part: str) -> dict[str, Variable]:
    """Return the variables of the encoder or the decoder by name; none of their values is read.

    The layout is the one that ``ctranslate2.specs.ModelSpec`` writes: version, spec, revision and count, then for
    every variable its name, shape, dtype, size and bytes, then names that stand for others.

    Raises:
        EncoderError: it is no whole model of Whisper.
    """
    try:
        with path.open("rb") as file:
            return dict(_variables(file, path.stat().st_size, part))
    except (OSError, ValueError, struct.error) as error:
        raise weight_files.unreadable(path, error) from None


def read_number(path: Path, variable: Variable) -> int:
    """Return the value of a variable that is one whole number.

    Raises:
        EncoderError: it is none, or the file cannot be read.
    """
    if variable.shape not in ((), (1,)) or not variable.dtype.startswith("int"):
        raise weight_files.unreadable(path, ValueError("a setting that is no number"))
    return int.from_bytes(b"".join(_pieces(path, variable)), "little", signed=True)


def encoder_sha256(path: Path, variables: Mapping[str, Variable]) -> str:
    """Return a hash of the encoder's names, dtypes, shapes and bytes: that of the decoder plays no part.

    Raises:
        EncoderError: the file cannot be read.
    """
    return weight_files.weights_sha256(
        weight_files.Tensor(name, each.dtype, list(each.shape), _pieces(path, each))
        for name, each in sorted(variables.items())
    )


def require_finite(path: Path, variables: Mapping[str, Variable]) -> None:
    """Refuse an encoder of which a weight holds values that are not finite.

    Raises:
        EncoderError: it names them.
    """
    bad = [name for name, each in sorted(variables.items()) if not _is_finite(path, each)]
    refuse_weights([f"{name} holds values that are not finite" for name in bad])


def _is_finite(path: Path, variable: Variable) -> bool:
    if variable.dtype not in FLOATS:
        return True
    dtype, exponent = FLOATS[variable.dtype]
    return all(
        bool(((np.frombuffer(piece, dtype) & exponent) != exponent).all())
        for piece in _pieces(path, variable)
    )


def _variables(file: BinaryIO, length: int, part: str) -> Iterator[tuple[str, Variable]]:
    version = _number(file, "I")
    if version not in BINARY_VERSIONS or (spec := _text(file)) != SPEC:
        found = f"version {version}" if version not in BINARY_VERSIONS else spec
        raise ValueError(
            f"found {found}, expected {SPEC} of version {BINARY_VERSIONS[0]} or {BINARY_VERSIONS[-1]}"
        )
    _number(file, "I")  # its revision: what it holds shows in the names
    count = _number(file, "I")
    if count > MAX_VARIABLES:
        raise ValueError(f"{count} variables")
    for _ in range(count):
        name = _text(file)
        rank = _number(file, "B")
        if rank > MAX_RANK:
            raise ValueError(f"{name} has {rank} dimensions")
        shape = tuple(_number(file, "I") for _ in range(rank))
        dtype, width = DTYPES.get(_number(file, "B"), ("", 0))
        size, start = _number(file, "I"), file.tell()
        values = 1
        for dim in shape:
            values *= dim
        if not dtype or values * width != size or start + size > length:
            raise ValueError(f"{name} is not whole")
        file.seek(size, 1)
        if name.startswith(part):
            yield name, Variable(dtype, shape, start, size)


def _number(file: BinaryIO, kind: str) -> int:
    size = struct.calcsize("<" + kind)
    (value,) = struct.unpack("<" + kind, file.read(size))
    return int(value)


def _text(file: BinaryIO) -> str:
    size = _number(file, "H")
    if not 1 <= size <= MAX_NAME:
        raise ValueError("a name without end")
    return file.read(size).rstrip(b"\0").decode("ascii")


def _pieces(path: Path, variable: Variable) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(variable.start)
            for done in range(0, variable.size, CHUNK):
                yield file.read(min(CHUNK, variable.size - done))
    except OSError as error:
        raise weight_files.unreadable(path, error) from None
