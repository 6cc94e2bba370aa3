"""The contract between clips → extract → cache → train → intensities: schema, shards, reader and writer.

Everything loads when first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cache.check import verify
    from cache.choices import CompactOptions
    from cache.compaction import compact
    from cache.comparing import diff
    from cache.errors import CacheError, EmiError
    from cache.exporting import export
    from cache.failures import Failure, read_failures
    from cache.features import ClipFeatures
    from cache.merging import convert, merge
    from cache.projection import Projection
    from cache.reader import CacheReader, Clip
    from cache.repairing import repair
    from cache.schema import FrameField
    from cache.tables import Table, clip_id_from_text, read_table
    from cache.writer import CacheWriter

_HOMES = {
    "CacheError": "errors",
    "CacheReader": "reader",
    "CacheWriter": "writer",
    "Clip": "reader",
    "ClipFeatures": "features",
    "CompactOptions": "choices",
    "EmiError": "errors",
    "Failure": "failures",
    "FrameField": "schema",
    "Projection": "projection",
    "Table": "tables",
    "clip_id_from_text": "tables",
    "compact": "compaction",
    "convert": "merging",
    "diff": "comparing",
    "export": "exporting",
    "merge": "merging",
    "read_failures": "failures",
    "read_table": "tables",
    "repair": "repairing",
    "verify": "check",
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
