"""From one cache into another: a writer of its like, the rows of a shard that count, the lists of failed clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cache.common import durable, gate
from cache.format import catalog, schema
from cache.format.record import CommitRecord, ShardContent
from cache.reader import CacheReader
from cache.shards.arrays import ShardArrays
from cache.shards.store import CONTENT
from cache.writer import CacheWriter


def open_like(target: Path, description: catalog.Description, besides: Mapping[str, bytes]) -> CacheWriter:
    """Make or continue a cache of a description.

    Args:
        target: its folder.
        description: what ``cache.json`` is to say.
        besides: file name → content of what such a cache has besides, a projection for example. It is there
            before the cache is: a kill between the two leaves no cache without it.
    """
    if not (target / catalog.DESCRIPTION).exists():
        with durable.storage_errors(target):
            durable.make_folder(target)
        for name, content in besides.items():
            durable.replace_file(target / name, content)
    return CacheWriter.open(
        target,
        description.recipe,
        list(description.fields.values()),
        store=description.store,
        shard_mb=description.shard_mb,
        licence=description.licence,
    )


def has_shard(cache: Path, name: str) -> bool:
    """Say whether a shard of this name is committed."""
    return (cache / catalog.SHARDS / f"{name}.json").exists()


def counting_rows(reader: CacheReader, shard: int) -> list[int]:
    """Return the rows of a shard that no other shard replaces."""
    return [
        row
        for row, clip_id in enumerate(reader.records[shard].clip_ids)
        if reader.place(clip_id) == (shard, row)
    ]


def read_shard(reader: CacheReader, shard: int, rows: Sequence[int] | None = None) -> ShardArrays:
    """Return the arrays of a shard, checked, of all or of some of its clips.

    Raises:
        DamagedCacheError: the bytes are not those that were committed.
    """
    record = reader.records[shard]
    names = [name for name in record.datasets if name not in (CONTENT, schema.ROW_CRC)]
    arrays = {name: reader.shard_array(shard, name) for name in names}
    checksums = {name: record.datasets[name].crc32c for name in names}
    if rows is not None and list(rows) != list(range(len(record.clip_ids))):
        starts = arrays[schema.OFFSETS]
        frames = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
        arrays = {
            name: array[frames if name.startswith(schema.FRAMES) else list(rows)]
            for name, array in arrays.items()
            if name != schema.OFFSETS
        }
        lengths = [record.num_frames[row] for row in rows]
        arrays[schema.OFFSETS] = np.cumsum([0, *lengths], dtype=np.int64)
        checksums = {}
    return ShardArrays(arrays, attributes_of(reader.description), checksums)


def attributes_of(description: catalog.Description) -> dict[str, dict[str, object]]:
    """Return what the frame fields of a cache say about themselves inside a shard."""
    return {schema.FRAMES + name: field.attributes() for name, field in description.fields.items()}


def content_of(record: CommitRecord, rows: Sequence[int], **changes: object) -> ShardContent:
    """Return a record's content for some of its clips."""
    kept = {record.clip_ids[row] for row in rows}
    content = record.content
    sources = {clip_id: stat for clip_id, stat in content.sources.items() if clip_id in kept}
    notes = {clip_id: said for clip_id, said in content.notes.items() if clip_id in kept}
    supersedes = tuple(clip_id for clip_id in content.supersedes if clip_id in kept)
    changed = replace(content, sources=sources, supersedes=supersedes, notes=notes)
    return replace(changed, **changes)  # type: ignore[arg-type]


def copy_ledgers(source: Path, target: Path) -> None:
    """Take the lists of failed clips over; a list that is there already stays.

    Raises:
        DamagedCacheError: one is a link, or no file.
    """
    for path in gate.own_files(source, catalog.FAILURES, ".jsonl"):
        folder = gate.make_folder(target, catalog.FAILURES)
        durable.write_once(folder / path.name, gate.read(source, path))
