"""Shards as Zarr 3: flat arrays, sharding codec with an inner crc32c, no compressor, ``fill_value`` NaN.

A shard is written through zarr's own store interface: zarr says what an array is, ``cache.shards.zarr_encoding``
gives the bytes of its chunks. Text stands as (clips, width) uint8 with its numpy dtype in an attribute,
since Zarr 3 has no settled fixed-width text. Reading needs no zarr: ``cache.shards.zarr_reading``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np

from cache.common import durable
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.common.types import Array
from cache.format.checksums import crc32c, crc32c_of_file, crc32c_of_whole
from cache.format.record import WAY_OUT, Dataset
from cache.shards.arrays import ShardArrays
from cache.shards.store import CONTENT, Stored
from cache.shards.zarr_encoding import Grid
from cache.shards.zarr_reading import (
    METADATA,
    NUMPY_DTYPE,
    SupposedLayout,
    ZarrShardFile,
    read_kind,
    read_layout,
)

if TYPE_CHECKING:
    from zarr.abc.store import Store

MAX_FILES = 100_000  # of one shard: 64 MB take about thirty
TAKEN = {errno.ENOTEMPTY, errno.EEXIST}


class ZarrStore:
    """One ``.zarr`` folder a shard."""

    name = "zarr"
    suffix = ".zarr"
    library = "zarr"

    def stage(self, tmp: Path, shard: ShardArrays, content: bytes) -> Stored:
        """Write a folder through zarr; every file and folder of it is on the disk then."""
        arrays = {**shard.arrays, CONTENT: np.frombuffer(content, np.uint8)}
        try:
            written = _write(tmp, arrays, shard.attributes)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
        datasets = {
            name: Dataset(array.shape, array.dtype.str, None, shard.checksums.get(name) or crc32c(array))
            for name, array in arrays.items()
        }
        return Stored(sum(size for size, _ in written.values()), _crc32c_of_files(written), datasets)

    def publish(self, tmp: Path, final: Path) -> bool:
        """Rename the folder; onto an existing shard that fails, which means it is committed already."""
        try:
            tmp.rename(final)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            shutil.rmtree(tmp, ignore_errors=True)
            return False
        durable.fsync_folder(final.parent)
        return True

    def describe(self, path: Path) -> Stored:
        """Read a published folder's own layout, and its checksum."""
        try:
            files = dict(_entries(path))
            num_bytes = sum(files.values())
            names = [key.removesuffix("/" + METADATA) for key in files if key.endswith("/" + METADATA)]
            arrays = [name for name in names if read_kind(path, name) == "array"]
            datasets = dict(_dataset(path, name, num_bytes) for name in arrays)
            if not datasets:
                raise ValueError("no arrays")
        except (OSError, ValueError) as error:
            raise DamagedCacheError(f"{path}: not a readable Zarr shard ({error})") from None
        return Stored(num_bytes, self.checksum(path), datasets)

    def checksum(self, path: Path) -> int:
        """crc32c of every file's name and bytes, in the order of the names."""
        root = path.parents[1]
        return _crc32c_of_files(
            {key: (size, crc32c_of_file(path / key, root)) for key, size in _entries(path)}
        )

    def open(self, path: Path, datasets: Mapping[str, Dataset]) -> ZarrShardFile:
        """Open for positioned reads inside the chunks."""
        return ZarrShardFile(path, datasets)

    def open_supposed(self, path: Path, datasets: Mapping[str, Dataset]) -> SupposedLayout:
        """Open without believing the metadata: for ``verify --repair``, which believes checksums only."""
        return SupposedLayout(path, datasets)

    def num_bytes(self, path: Path) -> int:
        """Size of all files together; a link anywhere is refused."""
        return sum(size for _, size in _entries(path))


def _entries(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name inside the shard, size) of every file; links and special files are refused."""
    if isinstance(path, UrlPath):
        yield from _remote_entries(path)
        return
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise DamagedCacheError(f"{path}: not a folder; a Zarr shard is never a link or a file")
    waiting, seen = [path], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_FILES:
                    raise DamagedCacheError(f"{path}: more than {MAX_FILES} files; {WAY_OUT}")
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(Path(entry.path))
                elif stat.S_ISREG(status.st_mode):
                    yield Path(entry.path).relative_to(path).as_posix(), status.st_size
                else:
                    raise DamagedCacheError(f"{entry.path}: not a regular file; a shard never holds links")


def _remote_entries(path: UrlPath) -> Iterator[tuple[str, int]]:
    found = list(path.storage.list(""))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "No such folder of objects", str(path))
    yield from ((entry.name, entry.size) for entry in found)


def _crc32c_of_files(known: Mapping[str, tuple[int, int]]) -> int:
    """Return the checksum of a shard from its files: name → (bytes, crc32c)."""
    parts, lengths = [], []
    for key in sorted(known):
        name, (size, checksum) = key.encode() + b"\0", known[key]
        parts += [google_crc32c.value(name), checksum]
        lengths += [len(name), size]
    return crc32c_of_whole(parts, lengths)


def _write(
    folder: Path, arrays: Mapping[str, Array], attributes: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[int, int]]:
    """Write arrays through zarr's store for folders; return what was written: name → (bytes, crc32c).

    The largest go first, and the disk begins with a file while the next one is made.
    """
    from zarr.core.sync import sync
    from zarr.storage import LocalStore

    store, written = LocalStore(folder), {}
    grids = {name: Grid.of(_plain(array)) for name, array in arrays.items()}
    with durable.FsyncPool() as pool:

        def put(data: Mapping[str, Array], sums: Mapping[str, int]) -> None:
            sync(_set_all(store, data))
            for key, value in data.items():
                written[key] = len(value), sums[key]
                pool.fsync(folder / key)

        small, small_sums = {}, {}
        for name in sorted(arrays, key=lambda name: -arrays[name].nbytes):
            for file, data, checksum in grids[name].encoded(_plain(arrays[name])):
                key = f"{name}/{file}"
                if grids[name].is_sharded:
                    put({key: data}, {key: checksum})
                else:
                    small[key], small_sums[key] = data, checksum
        metadata = _metadata(arrays, attributes, grids)
        put({**small, **metadata}, {**small_sums, **{key: crc32c(data) for key, data in metadata.items()}})
        for path in {folder / parent for key in written for parent in Path(key).parents}:
            pool.fsync(path)
    return written


async def _set_all(store: Store, data: Mapping[str, Array]) -> None:
    from zarr.buffer.cpu import Buffer

    waiting = (store.set(key, Buffer.from_array_like(value)) for key, value in data.items())
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):  # none is under way afterwards
        if isinstance(outcome, BaseException):
            raise outcome


def _metadata(
    arrays: Mapping[str, Array], attributes: Mapping[str, Mapping[str, Any]], grids: Mapping[str, Grid]
) -> dict[str, Array]:
    """Let zarr describe the arrays; return its metadata files."""
    import zarr
    from zarr.codecs import BytesCodec, Crc32cCodec
    from zarr.storage import MemoryStore

    described: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(described), zarr_format=3)
    for name, array in arrays.items():
        plain, grid = _plain(array), grids[name]
        text = {NUMPY_DTYPE: array.dtype.str} if array.dtype.kind == "S" else {}
        group.create_array(
            name,
            shape=plain.shape,
            dtype=plain.dtype,
            chunks=(grid.chunk_rows, *plain.shape[1:]),
            shards=(grid.file_rows, *plain.shape[1:]) if grid.is_sharded else None,
            serializer=BytesCodec(endian="little" if plain.dtype.itemsize > 1 else None),
            compressors=[Crc32cCodec()],
            filters=None,
            fill_value=float("nan") if plain.dtype.kind == "f" else None,
            chunk_key_encoding={"name": "default", "separator": "."},
            attributes={**attributes.get(name, {}), **text},
        )
    return {key: value.as_numpy_array().view(np.uint8) for key, value in described.items()}


def _plain(array: Array) -> Array:
    """Return what Zarr can store of an array without doubt; its metadata says what it was."""
    if array.dtype.kind != "S":
        return array
    return array.view(np.uint8).reshape(len(array), array.dtype.itemsize)


def _dataset(path: Path, name: str, num_bytes: int) -> tuple[str, Dataset]:
    layout = read_layout(path, name)
    if layout.shape[0] * layout.row_bytes > num_bytes:
        raise ValueError(f"{name} of shape {layout.shape} in {num_bytes} bytes")
    unchecked = Dataset(layout.shape, layout.dtype.str, None, 0)
    array = ZarrShardFile(path, {name: unchecked}).read(name, 0, layout.shape[0])
    return name, Dataset(layout.shape, layout.dtype.str, None, crc32c(array))
