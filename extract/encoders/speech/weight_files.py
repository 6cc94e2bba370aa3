"""The file with an encoder's weights: their names under one spelling, and a hash of all of them; no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from safetensors import SafetensorError, safe_open

from cache.common.foreign_json import MAX_BYTES, parse_json
from cache.format.recipe import canonical_json
from extract.encoders.hub import SAFETENSORS, TORCH_FILE, ModelFiles
from extract.errors import EncoderError

# Weight norm has two spellings; the newer one is what torch's parametrization creates.
NEW_NAMES = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
# As safetensors and torch call them; the hash has torch's names.
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
CHUNK = 1 << 20  # bytes read at once

Value = TypeVar("Value")


class Tensor(NamedTuple):
    """What the hash is taken of: name, torch's name of the dtype, shape, and the bytes in pieces."""

    name: str
    dtype: str
    shape: list[int]
    data: Iterable[Any]


def weights_sha256(tensors: Iterable[Tensor]) -> str:
    """Return a hash of names, dtypes, shapes and bytes of tensors, given in the order of their names."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(canonical_json([tensor.name, f"torch.{tensor.dtype}", tensor.shape]).encode())
        for piece in tensor.data:
            digest.update(piece)
    return digest.hexdigest()


def renamed(weights: Mapping[str, Value]) -> dict[str, Value]:
    """Return weights by their names, those of weight norm in the new spelling."""
    result = {}
    for name, value in weights.items():
        old = next((suffix for suffix in NEW_NAMES if name.endswith(suffix)), "")
        result[name.removesuffix(old) + NEW_NAMES.get(old, "")] = value
    return result


def weights_path(files: ModelFiles) -> Path:
    """Return where the weights are.

    Raises:
        EncoderError: only the settings were asked for, or there are none.
    """
    if files.weights is None:
        raise EncoderError(f"{files.model}: no file with weights; expected {SAFETENSORS} or {TORCH_FILE}")
    return files.weights


def unreadable(path: Path, error: Exception) -> EncoderError:
    """Return the error for a file that cannot be read as weights."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return EncoderError(f"{path}: not readable as weights ({reason}); download it again")


def safetensors_sha256(path: Path) -> str | None:
    """Return the hash of a safetensors file, as of its tensors once loaded; None for dtypes not known here.

    Raises:
        EncoderError: it is no whole safetensors file.
    """
    try:
        with safe_open(path, framework="np") as checked:  # refuses whatever is not whole
            names = list(checked.keys())
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(min(size, MAX_BYTES)))
            entries = renamed({name: header[name] for name in names})
            if not {entry["dtype"] for entry in entries.values()} <= DTYPES.keys():
                return None
            return weights_sha256(_tensors(file, 8 + size, entries))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise unreadable(path, error) from None


def _tensors(file: BinaryIO, start: int, entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Tensor]:
    for name in sorted(entries):
        entry = entries[name]
        begin, end = entry["data_offsets"]
        data = _pieces(file, start + begin, end - begin)
        yield Tensor(name, DTYPES[entry["dtype"]], entry["shape"], data)


def _pieces(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    file.seek(start)
    for done in range(0, size, CHUNK):
        yield file.read(min(CHUNK, size - done))
