"""Pickles and torch files: what ``pickle.dump`` and ``torch.save`` wrote, read without running any of it.

As strict as ``torch.load(weights_only=True)`` or stricter, and without torch: a tensor stays in the file until it
is needed.
"""

from __future__ import annotations

import errno
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cache.imports.pickles.machine import Machine
from cache.imports.pickles.opcodes import run
from cache.imports.pickles.parts import DAMAGED, TORCH_TYPES, Storage, Symbol
from cache.imports.pickles.symbols import Nested
from cache.imports.values import UnreadableError

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a torch file from before it was a zip
LOCAL_HEADER = 30  # bytes of a zip's entry before its name
Place = tuple[int, int]
BAD_ZIP = (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, zlib.error, OSError)


def read_pickle(path: Path) -> Any:
    """Return what a pickle or a torch file holds: dicts, lists, tuples, text, numbers, and arrays as ``Values``.

    Raises:
        UnreadableError: it is cut short or damaged, or holds anything else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(4) == b"PK\x03\x04":
            return _zip(path, file)
        first = run(Machine(path, file, 0, size, nested=partial(_inner, path, file)))
        if first.value == MAGIC:
            return _old_torch(path, file, first.end, size)
        return first.value


def _zip(path: Path, file: BinaryIO) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            orders = {archive.read(members[name]) for name in ("byteorder",) if _is_small(members.get(name))}
    except BAD_ZIP as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a seek to before the beginning
            raise
        raise UnreadableError(f"cut short or damaged: no zip ({error})") from None
    if "data.pkl" not in members:
        raise UnreadableError("a zip without data.pkl, expected what torch.save or numpy.savez writes")
    if "constants.pkl" in members or any(name.startswith("code/") for name in members):
        raise UnreadableError("refused: a TorchScript model, which is a program; save its arrays")
    if orders - {b"little"}:
        raise UnreadableError("a torch file of a big-endian machine; save it again on this one")
    places = {
        name.removeprefix("data/"): zip_place(file, info)
        for name, info in members.items()
        if name == "data.pkl" or name.startswith("data/")
    }
    begin, end = places.pop("data.pkl")
    storages = _Storages(path, places)
    return run(Machine(path, file, begin, end, storages)).value


def _is_small(info: zipfile.ZipInfo | None) -> bool:
    return info is not None and info.file_size <= 16 and info.compress_type == zipfile.ZIP_STORED


def zip_place(file: BinaryIO, info: zipfile.ZipInfo) -> Place:
    """Return the bytes of a zip's member, which must be stored as they are."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise UnreadableError("a compressed torch file; save it again with torch.save")
    if info.header_offset < 0:
        raise UnreadableError(DAMAGED)
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER)
    if len(header) != LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise UnreadableError(DAMAGED)
    begin = info.header_offset + LOCAL_HEADER
    begin += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return begin, begin + info.file_size


class _Storages:
    """The storages of a torch file, by key; called with a persistent id."""

    def __init__(self, path: Path, places: dict[str, Place]) -> None:
        self._path, self.places = path, places
        self.known: dict[str, Storage] = {}

    def __call__(self, key: Any) -> Storage:
        """Return the storage of ``('storage', type, key, location, count, …)``; raises UnreadableError."""
        match key:
            case ("storage", Symbol(module="torch") as kind, str() as name, str(), int() as count, *_):
                pass
            case _:
                raise UnreadableError(DAMAGED)
        if kind.name not in TORCH_TYPES or count < 0:
            raise UnreadableError(DAMAGED)
        storage = Storage(self._path, TORCH_TYPES[kind.name], count, lambda: self.place(name))
        return self.known.setdefault(name, storage)

    def place(self, name: str) -> Place:
        """Return where a storage lies; raises UnreadableError if it is not in the file."""
        if name not in self.places:
            raise UnreadableError("cut short or damaged: the numbers of a tensor are missing")
        return self.places[name]


def _old_torch(path: Path, file: BinaryIO, begin: int, size: int) -> Any:
    """Read the rest of a torch file from before it was a zip: protocol, machine, value, keys, then the storages."""
    at = begin
    for _ in range(2):
        at = run(Machine(path, file, at, size)).end
    storages = _Storages(path, {})
    value, at = run(Machine(path, file, at, size, storages))
    keys, at = run(Machine(path, file, at, size))
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages.known for key in keys):
        raise UnreadableError(DAMAGED)
    for key in keys:
        storage = storages.known[key]
        file.seek(at)
        count, begin = int.from_bytes(file.read(8), "little"), at + 8
        at = begin + storage.count * storage.item.itemsize
        if count != storage.count or at > size:
            raise UnreadableError("cut short or damaged: the numbers of a tensor are missing")
        storages.places[key] = (begin, at)
    return value


def _inner(path: Path, file: BinaryIO, held: Nested) -> Any:
    """Read a torch file inside a pickle: of each tensor in one it holds the numbers."""
    end = held.begin + held.size
    first = run(Machine(path, file, held.begin, end))
    if first.value != MAGIC:
        raise UnreadableError(
            "a tensor in a way that is not known; save it with torch.save, or as a numpy array"
        )
    return _old_torch(path, file, first.end, end)
