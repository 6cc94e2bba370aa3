"""Writes a compact cache straight from a clip's full features, which are never on the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cache.compaction.compact import compact_arrays, compact_described
from cache.compaction.options import CompactOptions
from cache.compaction.projection import FILE, Projection
from cache.copy_shard import open_like
from cache.format.catalog import Description
from cache.format.schema import FrameField
from cache.shards.arrays import ClipFeatures, ShardArrays, shard_arrays
from cache.writer import CacheWriter


class _Full(NamedTuple):
    """The full cache that is not made: where it would be, and its fields."""

    path: Path
    frame_fields: Mapping[str, FrameField]


class CompactWriter(CacheWriter):
    """Takes clips with all frames of the full cache and commits what ``compact`` would make of them, bit by bit.

    Attributes:
        fields: the frame fields every clip must bring: those of the full cache.
    """

    def __init__(
        self, path: Path, description: Description, full: Description, projection: Projection
    ) -> None:
        super().__init__(path, description)
        self._full, self._projection = full, projection

    @classmethod
    def make(
        cls, path: Path, full: Description, projection: Projection, made: CompactOptions
    ) -> CompactWriter:
        """Make a compact cache, or continue one of the same recipe.

        Args:
            path: folder of it.
            full: what the full cache would say of itself.
            projection: of the frames.
            made: what becomes of them.

        Raises:
            RecipeMismatchError: the folder holds a cache of another recipe.
            UnknownFieldError: the clips lack a field that the projection needs.
            StorageError: it cannot be written.
        """
        recipe, fields = compact_described(_Full(path, full.fields), full.recipe, projection, made)
        described = Description(recipe, fields, full.store, full.shard_mb, full.licence)
        opened = open_like(path, described, {FILE: projection.to_bytes()})
        return cls(path, opened.description, full, projection)

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields every clip must bring: those of the full cache."""
        return tuple(self._full.fields.values())

    def arrays_of(self, clips: Sequence[ClipFeatures]) -> ShardArrays:
        """Return the compact arrays of a shard of these clips.

        Raises:
            InvalidValueError: a value that must not enter a cache.
        """
        compact_fields = list(self.description.fields.values())
        return compact_arrays(shard_arrays(clips, self.fields), self._projection, compact_fields)
