"""What every back end can do with a shard: the small protocol, and what it says about a stored shard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cache.common.types import Array

if TYPE_CHECKING:
    from cache.format.record import Dataset
    from cache.shards.arrays import ShardArrays

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
    """A back end. A new one passes ``tests/cache/shards/test_store.py`` and joins ``STORES``.

    One whose shards hold metadata that a damage can hide values behind may also have ``open_supposed``, which opens
    as ``open`` does but takes the layout for granted that ``stage`` gives.

    Attributes:
        name: as users and commit records say it.
        suffix: of a shard's file or folder: a dot and up to 10 lower-case letters or digits.
        library: the package that shards are written with; records name its version.
    """

    name: str
    suffix: str
    library: str

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
