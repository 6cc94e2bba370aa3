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
    from cache.errors import CacheError, EmiError
    from cache.failures import Failure, read_failures
    from cache.features import ClipFeatures
    from cache.projection import Projection
    from cache.reader import CacheReader, Clip
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
    "read_failures": "failures",
    "read_table": "tables",
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
    "read_failures",
    "read_table",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cache' has no attribute {name!r}")
    return getattr(import_module(f"cache.{_HOMES[name]}"), name)
