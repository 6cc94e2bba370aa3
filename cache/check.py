"""Checks every byte of a cache against what was committed, and names shard, clip and field of all damage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import files, folder, schema
from cache.checksums import crc32c
from cache.errors import CacheError
from cache.recipe import recipe_id
from cache.record import CommitRecord
from cache.store import CONTENT, ShardFile, get_store

Array = NDArray[Any]


@dataclass(frozen=True)
class Finding:
    """One piece of damage; ``clip`` and ``field`` are empty where it concerns a whole shard."""

    shard: str
    problem: str
    clip: str = ""
    field: str = ""

    def __str__(self) -> str:
        where = ", ".join(filter(None, [f"clip {self.clip}" if self.clip else "", self.field]))
        return f"{self.shard}: {where + ': ' if where else ''}{self.problem}"


@dataclass(frozen=True)
class VerifyReport:
    """What ``verify`` looked at and found."""

    shards: int
    clips: int
    num_bytes: int
    findings: tuple[Finding, ...]


def verify(path: Path | str) -> VerifyReport:
    """Check every committed shard of a cache.

    Raises:
        NotACacheError, FormatVersionError, DamagedCacheError: ``cache.json`` itself cannot be used.
    """
    path = Path(path)
    description = folder.read_description(path)
    findings: list[Finding] = []
    records: list[CommitRecord] = []
    for record_path in folder.record_paths(path):
        try:
            record = folder.read_record(record_path)
        except CacheError as error:
            findings.append(Finding(record_path.name, str(error)))
            continue
        records.append(record)
        findings += _check_shard(path, record, description)
    findings += _foreign_files(path, records)
    findings += _duplicates(records)
    clips = sum(len(record.clip_ids) for record in records)
    return VerifyReport(len(records), clips, sum(r.num_bytes for r in records), tuple(findings))


def _check_shard(path: Path, record: CommitRecord, description: folder.Description) -> Iterator[Finding]:
    if record.content.recipe_id != recipe_id(description.recipe):
        yield Finding(record.file, "made with another recipe than the cache's")
    shard = path / folder.SHARDS / record.file
    try:
        store = get_store(record.store)
        size = store.num_bytes(shard)
        if size != record.num_bytes:
            yield Finding(record.file, f"{size} bytes, its record promises {record.num_bytes}")
            return
        intact = store.checksum(shard) == record.checksum
        datasets = store.describe(shard).datasets if intact else record.datasets
    except FileNotFoundError:
        yield Finding(record.file, "the shard's file is missing")
        return
    except (OSError, CacheError) as error:
        yield Finding(record.file, str(error))
        return
    if not intact:
        yield Finding(record.file, "checksum of the file does not match its record")
    if datasets != record.datasets:
        yield Finding(record.file, "holds other arrays than its record says")
        return
    yield from _check_arrays(record, store.open(shard, record.datasets), description)


def _check_arrays(
    record: CommitRecord, shard: ShardFile, description: folder.Description
) -> Iterator[Finding]:
    for name, dataset in record.datasets.items():
        if name.startswith(schema.FRAMES):
            yield from _check_frames(record, shard, name)
            continue
        array = shard.read(name, 0, dataset.shape[0])
        if crc32c(array) != dataset.crc32c:
            yield Finding(record.file, "checksum does not match", field=name)
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.nonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0][0])
            yield Finding(record.file, "a value is not finite", record.clip_ids[row], name)
    offsets = shard.read(schema.OFFSETS, 0, len(record.clip_ids) + 1)
    if offsets.tolist() != np.cumsum([0, *record.num_frames]).tolist():
        yield Finding(record.file, "offsets do not match the record's frame counts", field=schema.OFFSETS)
    ids = shard.read(schema.CLIPS + "clip_id", 0, len(record.clip_ids))
    if tuple(value.decode(errors="replace") for value in ids.tolist()) != record.clip_ids:
        yield Finding(record.file, "clip ids do not match the record", field="clips/clip_id")
    missing = {schema.FRAMES + name for name in description.fields} - set(record.datasets)
    if missing or CONTENT not in record.datasets:
        yield Finding(record.file, f"lacks {', '.join(sorted(missing)) or CONTENT}")


def _check_frames(record: CommitRecord, shard: ShardFile, name: str) -> Iterator[Finding]:
    checksums = shard.read(schema.CRC + name.removeprefix(schema.FRAMES), 0, len(record.clip_ids))
    start = 0
    for clip_id, frames, expected in zip(record.clip_ids, record.num_frames, checksums, strict=True):
        values = shard.read(name, start, start + frames)
        if crc32c(values) != int(expected):
            yield Finding(record.file, "checksum does not match", clip_id, name)
        elif values.dtype.kind == "f" and not np.isfinite(values).all():
            yield Finding(record.file, "a value is not finite", clip_id, name)
        start += frames


def _foreign_files(path: Path, records: list[CommitRecord]) -> Iterator[Finding]:
    """A shard without a record is what a kill between publishing and recording leaves: harmless, but said."""
    expected = {record.file for record in records}
    for item in sorted((path / folder.SHARDS).iterdir()):
        if item.suffix == ".json" or item.name in expected or item.name.endswith(files.TMP_SUFFIX):
            continue
        yield Finding(item.name, "no commit record names this file; emi-extract run settles or replaces it")


def _duplicates(records: list[CommitRecord]) -> Iterator[Finding]:
    replaced = folder.superseded(records)
    places = [
        (clip_id, record.file)
        for record in records
        for clip_id in record.clip_ids
        if (record.name, clip_id) not in replaced
    ]
    counts = Counter(clip_id for clip_id, _ in places)
    for clip_id, file in places:
        if counts[clip_id] > 1:
            yield Finding(file, f"stands in {counts[clip_id]} shards", clip_id)
