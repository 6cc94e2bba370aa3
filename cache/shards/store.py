"""Where a shard's arrays live: the small protocol every back end implements, and the list of back ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from cache.common.errors import CacheError

if TYPE_CHECKING:
    from cache.format.record import Dataset
    from cache.shards.arrays import ShardArrays

Array = NDArray[Any]
CONTENT = "content"  # uint8 dataset with the JSON that a commit record can be made from again


@dataclass(frozen=True)
class Stored:
    """What a store says about a shard's file: size [bytes], crc32c of all of it, and its arrays."""

    num_bytes: int
    checksum: int
    datasets: dict[str, Dataset]


class ShardFile(Protocol):
    """An open shard; safe to use from several threads at once."""

    def read(self, name: str, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` of an array in a new array."""

    def read_into(self, name: str, start: int, out: Array) -> None:
        """Fill ``out`` (C-contiguous, stored dtype) with rows from ``start`` on."""


class ShardStore(Protocol):
    """A back end. A new one passes ``tests/cache/shards/test_store.py`` and joins ``get_store``."""

    name: str
    suffix: str

    def stage(self, tmp: Path, shard: ShardArrays, content: bytes) -> Stored:
        """Write a shard durably under a temporary name."""

    def publish(self, tmp: Path, final: Path) -> bool:
        """Give it its final name unless taken; return whether it was; ``tmp`` is gone either way."""

    def describe(self, path: Path) -> Stored:
        """Read back what a published shard is; raises DamagedCacheError when it is none."""

    def checksum(self, path: Path) -> int:
        """Return the crc32c of all of a published shard, without interpreting a byte of it."""

    def open(self, path: Path, datasets: Mapping[str, Dataset]) -> ShardFile:
        """Open a published shard for reading the arrays its record promises."""

    def num_bytes(self, path: Path) -> int:
        """Return the shard's size on disk; raises OSError when it is missing."""


STORES = ("hdf5", "zarr")


def get_store(name: str) -> ShardStore:
    """Return the back end called ``name``."""
    if name == "hdf5":
        from cache.shards.hdf5 import Hdf5Store

        return Hdf5Store()
    if name == "zarr":
        from cache.shards.zarr import ZarrStore

        return ZarrStore()
    raise CacheError(f"unknown storage back end {name!r}, expected one of: {', '.join(STORES)}")
