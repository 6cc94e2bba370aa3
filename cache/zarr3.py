"""Shards as Zarr 3: flat arrays, sharding codec with an inner crc32c, no compressor, ``fill_value`` NaN.

zarr-python lays the shard out, into memory, through its own store interface; what it would put into a
store becomes the files of one folder. Text stands as (clips, width) uint8 with its numpy dtype in an
attribute, since Zarr 3 has no settled fixed-width text. Reading needs no zarr: ``cache.zarr_layout``.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from cache import files
from cache.checksums import crc32c
from cache.errors import DamagedCacheError
from cache.features import ShardArrays
from cache.record import Dataset
from cache.store import CONTENT, Stored
from cache.zarr_layout import METADATA, NUMPY_DTYPE, ZarrShardFile, read_kind, read_layout

Array = NDArray[Any]
CHUNK_BYTES = 1 << 19  # about a clip at 1024 channels; zarr-python reads whole chunks, our reader only rows
SHARD_BYTES = 1 << 24  # of one file; zarr-python holds about three times as much while it writes
BLOCK = 1 << 22
TAKEN = {errno.ENOTEMPTY, errno.EEXIST}


class ZarrStore:
    """One ``.zarr`` folder a shard."""

    name = "zarr"
    suffix = ".zarr"

    def stage(self, tmp: Path, shard: ShardArrays, content: bytes) -> Stored:
        """Lay the shard out in memory, then write every file and folder durably."""
        arrays = {**shard.arrays, CONTENT: np.frombuffer(content, np.uint8)}
        laid_out = _laid_out(arrays, shard.attributes)
        try:
            for key in sorted(laid_out):
                (tmp / key).parent.mkdir(parents=True, exist_ok=True)
                (tmp / key).write_bytes(laid_out[key].data)
            files.fsync_all(tmp / key for key in laid_out)
            files.fsync_all({tmp / parent for key in laid_out for parent in Path(key).parents})
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
        checksum = google_crc32c.Checksum()
        for key in sorted(laid_out):
            checksum.update(key.encode() + b"\0")
            checksum.update(laid_out[key])
        datasets = {
            name: Dataset(array.shape, array.dtype.str, None, shard.checksums.get(name) or crc32c(array))
            for name, array in arrays.items()
        }
        num_bytes = sum(len(data) for data in laid_out.values())
        return Stored(num_bytes, int.from_bytes(checksum.digest(), "big"), datasets)

    def publish(self, tmp: Path, final: Path) -> bool:
        """Rename the folder; onto an existing shard that fails, which means it is committed already."""
        try:
            tmp.rename(final)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            shutil.rmtree(tmp, ignore_errors=True)
            return False
        files.fsync_folder(final.parent)
        return True

    def describe(self, path: Path) -> Stored:
        """Read a published folder's own layout, and its checksum."""
        try:
            names = [
                key.removesuffix("/" + METADATA) for key, _ in _entries(path) if key.endswith("/" + METADATA)
            ]
            arrays = [name for name in names if read_kind(path / name) == "array"]
            datasets = dict(_dataset(path, name, self.num_bytes(path)) for name in arrays)
            if not datasets:
                raise ValueError("no arrays")
        except (OSError, ValueError) as error:
            raise DamagedCacheError(f"{path}: not a readable Zarr shard ({error})") from None
        return Stored(self.num_bytes(path), self.checksum(path), datasets)

    def checksum(self, path: Path) -> int:
        """crc32c of every file's name and bytes, in the order of the names."""
        checksum = google_crc32c.Checksum()
        for key, _ in sorted(_entries(path)):
            checksum.update(key.encode() + b"\0")
            with (path / key).open("rb") as file:
                while block := file.read(BLOCK):
                    checksum.update(block)
        return int.from_bytes(checksum.digest(), "big")

    def open(self, path: Path, datasets: Mapping[str, Dataset]) -> ZarrShardFile:
        """Open for positioned reads inside the chunks."""
        return ZarrShardFile(path, datasets)

    def num_bytes(self, path: Path) -> int:
        """Size of all files together; a link anywhere is refused."""
        return sum(size for _, size in _entries(path))


def _entries(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name inside the shard, size) of every file; links and special files are refused."""
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise DamagedCacheError(f"{path}: not a folder; a Zarr shard is never a link or a file")
    waiting = [path]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(Path(entry.path))
                elif stat.S_ISREG(status.st_mode):
                    yield Path(entry.path).relative_to(path).as_posix(), status.st_size
                else:
                    raise DamagedCacheError(f"{entry.path}: not a regular file; a shard never holds links")


def _laid_out(arrays: Mapping[str, Array], attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Array]:
    """Let zarr write the arrays into memory; return what it wrote by its key."""
    import zarr
    from zarr.codecs import BytesCodec, Crc32cCodec
    from zarr.storage import MemoryStore

    written: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(written), zarr_format=3)
    for name, array in arrays.items():
        plain, more = _plain(array)
        chunks, shards = _chunks(plain)
        target = group.create_array(
            name,
            shape=plain.shape,
            dtype=plain.dtype,
            chunks=chunks,
            shards=shards,
            serializer=BytesCodec(endian="little" if plain.dtype.itemsize > 1 else None),
            compressors=[Crc32cCodec()],
            filters=None,
            fill_value=float("nan") if plain.dtype.kind == "f" else None,
            chunk_key_encoding={"name": "default", "separator": "."},
            attributes={**attributes.get(name, {}), **more},
            config={"write_empty_chunks": True},
        )
        target[...] = plain
    return {key: value.as_numpy_array().view(np.uint8) for key, value in written.items()}


def _plain(array: Array) -> tuple[Array, dict[str, str]]:
    """Return what Zarr can store of an array without doubt, and the attribute that says what it was."""
    if array.dtype.kind != "S":
        return array, {}
    return array.view(np.uint8).reshape(len(array), array.dtype.itemsize), {NUMPY_DTYPE: array.dtype.str}


def _chunks(array: Array) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of an inner chunk and of a file, both whole rows; small arrays need one chunk."""
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    inner = max(1, CHUNK_BYTES // row_bytes)
    if len(array) <= inner:
        return (max(1, len(array)), *array.shape[1:]), None
    outer = min(-(-len(array) // inner), max(1, SHARD_BYTES // (inner * row_bytes))) * inner
    return (inner, *array.shape[1:]), (outer, *array.shape[1:])


def _dataset(path: Path, name: str, num_bytes: int) -> tuple[str, Dataset]:
    layout = read_layout(path / name)
    if layout.shape[0] * layout.row_bytes > num_bytes:
        raise ValueError(f"{name} of shape {layout.shape} in {num_bytes} bytes")
    unchecked = Dataset(layout.shape, layout.dtype.str, None, 0)
    array = ZarrShardFile(path, {name: unchecked}).read(name, 0, layout.shape[0])
    return name, Dataset(layout.shape, layout.dtype.str, None, crc32c(array))
