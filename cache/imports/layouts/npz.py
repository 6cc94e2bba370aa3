"""numpy's npz files: an array a clip, or a file a clip."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cache.common.types import Array
from cache.imports.layouts.npy import array_in, read_header
from cache.imports.part import Part
from cache.imports.pickles.read import BAD_ZIP, zip_place
from cache.imports.values import UnreadableError, Values

SUFFIX = ".npy"


def parts(path: Path, key: str | None = None) -> Iterator[Part]:
    """Yield the arrays of a file; the one that ``key`` names, or the only one, is the file's clip.

    Raises:
        UnreadableError, OSError: nothing of it can be taken.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = {i.filename.removesuffix(SUFFIX): i for i in archive.infolist() if not i.is_dir()}
                if key is not None and key in members:
                    members = {key: members[key]}
                elif key is not None:
                    raise UnreadableError(f"no array {key!r}, found {', '.join(list(members)[:8]) or 'none'}")
                is_clip = len(members) == 1
                for name, info in members.items():
                    yield _part(path, file, archive, info, None if is_clip else name)
        except BAD_ZIP as error:
            if isinstance(error, UnreadableError) or (
                isinstance(error, OSError) and error.errno != errno.EINVAL
            ):
                raise
            raise UnreadableError(f"damaged: no npz file ({error})") from None


def _part(
    path: Path, file: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str | None
) -> Part:
    try:
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
            begin, end = zip_place(file, info)
            file.seek(begin)
            header = read_header(file)
            return Part(key, array_in(path, file.tell(), end, header))
        with archive.open(info) as member:
            header = read_header(member)
        values = Values(header.shape, header.dtype, lambda: _unpacked(path, info.filename))
        if values.num_bytes > info.file_size:
            raise UnreadableError("cut short or damaged: fewer numbers than its header says")
        return Part(key, values)
    except UnreadableError as error:
        return Part(key, None, error)


def _unpacked(path: Path, name: str) -> Array:
    """Read a compressed member."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as member:
            values: Array = np.lib.format.read_array(member, allow_pickle=False)
            return values
    except BAD_ZIP as error:
        raise UnreadableError(f"damaged: {error}") from None
