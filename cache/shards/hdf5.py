"""Shards as HDF5: flat, contiguous, unfiltered, laid out in memory, read with plain positioned reads.

Measured: this layout reads as fast as npy and stays fast when the cache outgrows memory. h5py lays the
file out and writes its metadata into memory; ``cache.common.durable`` puts that and the arrays, straight from
where they are, on the disk, since HDF5's own writes under a full disk can end in a segmentation fault.
Only building and describing a shard imports h5py: a reader never needs it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cache.common import durable, gate
from cache.common.errors import DamagedCacheError
from cache.common.gate import require_array_name
from cache.common.storage.url_path import UrlPath
from cache.common.types import Array
from cache.format.checksums import crc32c, crc32c_of_file, crc32c_of_whole
from cache.format.record import Dataset
from cache.format.schema import stored_dtype
from cache.shards.arrays import ShardArrays
from cache.shards.open_files import open_file
from cache.shards.rows import RowReader
from cache.shards.store import CONTENT, Stored

if TYPE_CHECKING:
    import h5py


MAX_LINKS = 10_000  # groups and arrays of one file; an encoder with 48 layers makes 300


class Hdf5Store:
    """One ``.h5`` file a shard."""

    name = "hdf5"
    suffix = ".h5"
    library = "h5py"

    def stage(self, tmp: Path, shard: ShardArrays, content: bytes) -> Stored:
        """Lay the file out in memory, then write it with plain writes and fsync."""
        arrays = {**shard.arrays, CONTENT: np.frombuffer(content, np.uint8)}
        layout = _Layout()
        places = layout.of(arrays, shard.attributes)
        sums = {name: shard.crc32c(name) if name in shard.arrays else crc32c(arrays[name]) for name in arrays}
        pieces = list(layout.pieces({places[name]: (arrays[name], sums[name]) for name in arrays}))
        durable.write_durable(tmp, *(data.data for data, _ in pieces))
        lengths = [data.nbytes for data, _ in pieces]
        checksum = crc32c_of_whole([known for _, known in pieces], lengths)
        datasets = {
            name: Dataset(array.shape, array.dtype.str, places[name], sums[name])
            for name, array in arrays.items()
        }
        return Stored(sum(lengths), checksum, datasets)

    def publish(self, tmp: Path, final: Path) -> bool:
        """Link the file under its final name; an existing one stays."""
        return durable.publish_file(tmp, final)

    def describe(self, path: Path) -> Stored:
        """Read a published file's own layout with h5py, and its checksum."""
        import h5py

        num_bytes = self.num_bytes(path)
        try:  # by its handle: what the name leads to by now, and other files, HDF5 never sees
            with gate.opened(path.parents[1], path) as opened, h5py.File(opened, "r") as file:
                datasets = dict(_layout(file, num_bytes))
            known = self._checksums(path, datasets)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise DamagedCacheError(f"{path}: not a readable HDF5 shard ({error})") from None
        return Stored(num_bytes, self.checksum(path), known)

    def _checksums(self, path: Path, datasets: Mapping[str, Dataset]) -> dict[str, Dataset]:
        """Return the arrays with their checksums, read from where they stand: HDF5 reads none of them."""
        opened = self.open(path, datasets)
        return {
            name: replace(dataset, crc32c=crc32c(opened.read(name, 0, dataset.shape[0])))
            for name, dataset in datasets.items()
        }

    def checksum(self, path: Path) -> int:
        """crc32c of the file."""
        return crc32c_of_file(path, path.parents[1])

    def open(self, path: Path, datasets: Mapping[str, Dataset]) -> Hdf5ShardFile:
        """Open for positioned reads at the recorded byte offsets; h5py is not needed for reading."""
        return Hdf5ShardFile(path, datasets)

    def num_bytes(self, path: Path) -> int:
        """Size of the file; a link or folder in its place is refused."""
        if isinstance(path, UrlPath):
            return path.parent.storage.size(path.name).size
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise DamagedCacheError(f"{path}: not a regular file; a shard is never a link or a folder")
        return status.st_size


class Hdf5ShardFile(RowReader):
    """A shard's file: its arrays are contiguous, each from its recorded byte on.

    The handle is closed when the last user lets go of this object, or other files need it more.
    """

    def __init__(self, path: Path, datasets: Mapping[str, Dataset]) -> None:
        super().__init__(path, datasets)
        ends = ((dataset.offset or 0) + dataset.num_bytes for dataset in datasets.values())
        self._file = open_file(path, self._root, max(ends, default=0))

    def _fill(self, name: str, start: int, out: Array) -> None:
        dataset = self._datasets[name]
        self._file.fill(out.data, (dataset.offset or 0) + start * dataset.row_bytes)


class _Layout:
    """A file that exists in h5py's eyes only: it takes the metadata, and never sees the arrays."""

    def __init__(self) -> None:
        self._writes: list[tuple[int, bytes]] = []
        self._position = 0
        self._end = 0

    def of(self, arrays: Mapping[str, Array], attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
        """Have h5py lay the arrays out; return the byte at which each begins."""
        import h5py

        with h5py.File(self, "w") as file:
            for name, array in arrays.items():
                dataset = _allocated(file, name, array)
                dataset.attrs.update(attributes.get(name, {}))
            file.flush()
            return {name: int(file[name].id.get_offset()) for name in arrays}

    def pieces(self, arrays: Mapping[int, tuple[Array, int]]) -> Iterator[tuple[Array, int]]:
        """Yield the file's bytes in order, each piece with its crc32c.

        Args:
            arrays: where each begins → array, and its crc32c.
        """
        position = 0
        for begin in sorted(arrays):
            array, known = arrays[begin]
            between = self._between(position, begin)
            yield between, crc32c(between)
            flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            yield flat, known
            position = begin + len(flat)
        rest = self._between(position, self._end)
        yield rest, crc32c(rest)

    def _between(self, begin: int, end: int) -> Array:
        """Return the bytes of a region; what h5py wrote last counts, zeros where it wrote nothing."""
        region = np.zeros(max(0, end - begin), np.uint8)
        for position, data in self._writes:
            first, last = max(begin, position), min(end, position + len(data))
            if first < last:
                part = data[first - position : last - position]
                region[first - begin : last - begin] = np.frombuffer(part, np.uint8)
        return region

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """As a file's; h5py asks for the end this way."""
        self._position = position if whence == os.SEEK_SET else self._end + position
        return self._position

    def tell(self) -> int:
        """As a file's."""
        return self._position

    def write(self, data: Any) -> int:
        """Keep what h5py writes."""
        self._writes.append((self._position, bytes(data)))
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """As a file's."""
        between = self._between(self._position, self._position + len(buffer))
        buffer[:] = between.tobytes()
        self._position += len(buffer)
        return len(buffer)

    def read(self, size: int) -> bytes:
        """As a file's; h5py knows a file by this method."""
        return self._between(self._position, self._position + size).tobytes()

    def truncate(self, size: int) -> int:
        """As a file's."""
        self._end = size
        return size

    def flush(self) -> None:
        """Nothing waits."""


def _allocated(file: h5py.File, name: str, array: Array) -> h5py.Dataset:
    """Make a contiguous dataset that has its place now and its bytes later; text is marked as UTF-8."""
    import h5py

    text = array.dtype.kind == "S"
    kind = h5py.h5t.py_create(
        h5py.string_dtype("utf-8", array.dtype.itemsize) if text else array.dtype, logical=True
    )
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    space = h5py.h5s.create_simple(array.shape)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, how, links))


def _layout(file: h5py.File, num_bytes: int) -> Iterator[tuple[str, Dataset]]:
    """Yield the arrays of a file, which need no checksum here; group by group, never deeper than names go."""
    import h5py

    waiting, seen = [("", file)], 0
    while waiting:
        prefix, group = waiting.pop()
        for part in group:
            name, seen = require_array_name(prefix + part), seen + 1
            if seen > MAX_LINKS:
                raise ValueError(f"more than {MAX_LINKS} groups and arrays")
            if not isinstance(group.get(part, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link")
            item = group[part]
            if isinstance(item, h5py.Group):
                waiting.append((f"{name}/", item))
            else:
                yield name, _contiguous(item, name, num_bytes)


def _contiguous(item: Any, name: str, num_bytes: int) -> Dataset:
    """Return where an array of plain numbers or text stands in one piece; raises ValueError for all else."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual or item.chunks:
        raise ValueError(f"{name} is not a contiguous array")
    if not 1 <= len(item.shape or ()) <= 2:
        raise ValueError(f"{name} is not an array of one or two dimensions")
    offset = item.id.get_offset()
    dataset = Dataset(item.shape, stored_dtype(item.dtype.str).str, offset, 0)
    if offset is None or offset + dataset.num_bytes > num_bytes:
        raise ValueError(f"{name} has no place in the file")
    return dataset
