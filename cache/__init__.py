"""The cache between extraction and training: its format, reader, writer and tools.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from cache.commit.failures import Failure, read_failures
    from cache.common.errors import CacheError, EmiError
    from cache.common.ids import clip_id_from_text
    from cache.common.tables import Table, read_table
    from cache.compaction.compact import compact
    from cache.compaction.options import CompactOptions
    from cache.compaction.projection import Projection
    from cache.format.schema import FrameField
    from cache.reader import CacheReader, Clip
    from cache.shards.arrays import ClipFeatures
    from cache.tools.diff import diff
    from cache.tools.export import export
    from cache.tools.merge import convert, merge
    from cache.tools.repair import repair
    from cache.tools.verify import verify
    from cache.writer import CacheWriter

__all__ = [
    "CacheError",
    "CacheReader",
    "CacheWriter",
    "Clip",
    "ClipFeatures",
    "CompactOptions",
    "EmiError",
    "Failure",
    "FrameField",
    "Projection",
    "Table",
    "clip_id_from_text",
    "compact",
    "convert",
    "diff",
    "export",
    "merge",
    "read_failures",
    "read_table",
    "repair",
    "verify",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "commit.failures": ("Failure", "read_failures"),
        "common.errors": ("CacheError", "EmiError"),
        "common.ids": ("clip_id_from_text",),
        "common.tables": ("Table", "read_table"),
        "compaction.compact": ("compact",),
        "compaction.options": ("CompactOptions",),
        "compaction.projection": ("Projection",),
        "format.schema": ("FrameField",),
        "reader": ("CacheReader", "Clip"),
        "shards.arrays": ("ClipFeatures",),
        "tools.diff": ("diff",),
        "tools.export": ("export",),
        "tools.merge": ("convert", "merge"),
        "tools.repair": ("repair",),
        "tools.verify": ("verify",),
        "writer": ("CacheWriter",),
    },
)
