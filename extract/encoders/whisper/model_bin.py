"""The weights of a CTranslate2 model, ``model.bin``: names, shapes, sizes and a hash, read without the library."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from extract.encoders.speech import weight_files
from extract.encoders.speech.check_weights import refuse_weights
from extract.errors import EncoderError

BINARY_VERSIONS = range(5, 7)  # of the container; these have one layout
SPEC = "WhisperSpec"
ENCODER, DECODER = "encoder/", "decoder/"
OF_LAYER = re.compile(DECODER + r"layer_(\d{1,3})/")
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


class DecoderSizes(NamedTuple):
    """How many tokens a decoder writes, and its layers and heads of attention."""

    tokens: int
    layers: int
    heads: int


def decoder_sizes(path: Path) -> DecoderSizes:
    """Return the sizes of the decoder, which CTranslate2's config.json does not say.

    Raises:
        EncoderError: it is no whole model of Whisper, or has no decoder.
    """
    variables = _variables_in(path, DECODER)
    embeddings, heads = (variables.get(DECODER + name) for name in ("embeddings/weight", "num_heads"))
    layers = {int(found[1]) for found in map(OF_LAYER.match, variables) if found}
    if embeddings is None or heads is None or not embeddings.shape or not layers:
        raise EncoderError(f"{path}: holds no {DECODER}embeddings/weight, {DECODER}num_heads and layers")
    value = int.from_bytes(b"".join(_pieces(path, heads)), "little")
    return DecoderSizes(embeddings.shape[0], 1 + max(layers), value)


def encoder_variables(path: Path) -> dict[str, Variable]:
    """Return the encoder's variables by name, such as ``encoder/conv1/weight``; none of their values is read.

    Raises:
        EncoderError: it is no whole model of Whisper.
    """
    return _variables_in(path, ENCODER)


def _variables_in(path: Path, prefix: str) -> dict[str, Variable]:
    """Return the variables whose names begin with a prefix.

    The layout is the one that ``ctranslate2.specs.ModelSpec`` writes: version, spec, revision and count, then for
    every variable its name, shape, dtype, size and bytes, then names that stand for others.

    Raises:
        EncoderError: it is no whole model of Whisper.
    """
    try:
        with path.open("rb") as file:
            found = _variables(file, path.stat().st_size)
            return {name: each for name, each in found if name.startswith(prefix)}
    except (OSError, ValueError, struct.error) as error:
        raise weight_files.unreadable(path, error) from None


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


def _variables(file: BinaryIO, length: int) -> Iterator[tuple[str, Variable]]:
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
