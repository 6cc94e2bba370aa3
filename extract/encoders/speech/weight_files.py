"""The files with an encoder's weights: their names under one spelling, and a hash of all of them; no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from safetensors import SafetensorError, safe_open

from cache.common.foreign_json import MAX_BYTES, parse_json
from cache.format.recipe import canonical_json
from extract.encoders.families import SAFETENSORS, TORCH_FILE
from extract.encoders.hub import ModelFiles
from extract.encoders.weight_index import INDEX, weight_file_names
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


def weight_paths(files: ModelFiles) -> list[Path]:
    """Return where the weights are: one file, or all that an index names.

    Raises:
        EncoderError: only the settings were asked for, or there are none.
    """
    if files.weights is None:
        raise EncoderError(f"{files.model}: no file with weights; expected {SAFETENSORS} or {TORCH_FILE}")
    if files.weights.name.endswith(INDEX):
        return [files.weights.parent / name for name in weight_file_names(files.weights)]
    return [files.weights]


def joined(parts: Iterable[tuple[Path, Mapping[str, Value]]]) -> dict[str, Value]:
    """Return the weights of several files as one, those of weight norm in the new spelling.

    Raises:
        EncoderError: one stands in two of them.
    """
    whole: dict[str, Value] = {}
    for path, weights in parts:
        part = renamed(weights)
        if twice := sorted(whole.keys() & part.keys()):
            raise EncoderError(
                f"{path}: {twice[0]} stands in another file too; get the complete checkpoint again"
            )
        whole |= part
    return whole


def unreadable(path: Path, error: Exception) -> EncoderError:
    """Return the error for a file that cannot be read as weights."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return EncoderError(f"{path}: not readable as weights ({reason}); download it again")


def safetensors_sha256(*paths: Path) -> str | None:
    """Return the hash of safetensors files, as of their tensors once loaded; None for dtypes not known here.

    It is that of the weights, however many files they are divided into.

    Raises:
        EncoderError: one is no whole safetensors file, or a weight stands in two.
    """
    entries = joined((path, _entries(path)) for path in paths)
    if not {entry.dtype for entry in entries.values()} <= DTYPES.keys():
        return None
    return weights_sha256(entries[name].tensor(name) for name in sorted(entries))


def without_fractions(*paths: Path) -> list[str]:
    """Return the weights and biases in safetensors files that are no floating-point numbers, with their dtypes.

    Raises:
        EncoderError: one is no whole safetensors file, or a weight stands in two.
    """
    entries = joined((path, _entries(path)) for path in paths)
    return [
        f"{name} ({entry.dtype})"
        for name, entry in sorted(entries.items())
        if name.endswith((".weight", ".bias")) and not entry.dtype.startswith(("F", "BF"))
    ]


class _Entry(NamedTuple):
    """Where a tensor lies in its file, and what it is, in the words of safetensors."""

    path: Path
    start: int
    size: int
    dtype: str
    shape: list[int]

    def tensor(self, name: str) -> Tensor:
        return Tensor(name, DTYPES[self.dtype], self.shape, self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                for done in range(0, self.size, CHUNK):
                    yield file.read(min(CHUNK, self.size - done))
        except OSError as error:
            raise unreadable(self.path, error) from None


def _entries(path: Path) -> dict[str, _Entry]:
    try:
        with safe_open(path, framework="np") as checked:  # refuses whatever is not whole
            names = list(checked.keys())
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(min(size, MAX_BYTES)))
        return {name: _entry(path, 8 + size, header[name]) for name in names}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise unreadable(path, error) from None


def _entry(path: Path, data: int, described: Mapping[str, Any]) -> _Entry:
    begin, end = described["data_offsets"]
    return _Entry(path, data + begin, end - begin, described["dtype"], described["shape"])
