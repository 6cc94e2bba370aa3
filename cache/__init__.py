"""The contract between clips → extract → cache → train → intensities: schema, shards, reader and writer.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "CacheError": "common.errors",
    "CacheReader": "reader",
    "CacheWriter": "writer",
    "Clip": "reader",
    "ClipFeatures": "shards.arrays",
    "CompactOptions": "compaction.options",
    "EmiError": "common.errors",
    "Failure": "commit.failures",
    "FrameField": "format.schema",
    "Projection": "compaction.projection",
    "Table": "common.tables",
    "clip_id_from_text": "common.ids",
    "compact": "compaction.compact",
    "convert": "tools.merge",
    "diff": "tools.diff",
    "export": "tools.export",
    "merge": "tools.merge",
    "read_failures": "commit.failures",
    "read_table": "common.tables",
    "repair": "tools.repair",
    "verify": "tools.verify",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cache' has no attribute {name!r}")
    return getattr(import_module(f"cache.{_HOMES[name]}"), name)
