"""``emi-cache verify``: every byte of a cache against what was committed; shard, clip and field of all damage."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.common import durable, gate
from cache.common.errors import CacheError
from cache.common.storage.url_path import UrlPath, place
from cache.format import catalog, schema
from cache.format.checksums import crc32c
from cache.format.record import CommitRecord
from cache.format.schema import FrameField
from cache.shards.registry import STORES, get_store, suffixes
from cache.shards.store import CONTENT, ShardFile
from cache.tools.finding import Finding
from cache.tools.verify_files import check_files

ORPHAN_SECONDS = 3600  # after which no writer is between publishing a shard and recording it
SHARD_NAME = re.compile(r"[0-9a-f]{16}-\d+")


@dataclass(frozen=True)
class VerifyReport:
    """What ``verify`` looked at and found.

    Attributes:
        shards: whose records could be read.
        clips: in them.
        num_bytes: of them.
        findings: all damage.
        without_checksum: files of an earlier version in which a flipped bit goes unseen.
    """

    shards: int
    clips: int
    num_bytes: int
    findings: tuple[Finding, ...]
    without_checksum: int = 0


def verify(path: Path | str) -> VerifyReport:
    """Check every committed shard of a cache.

    Raises:
        NotACacheError, FormatVersionError, DamagedCacheError: ``cache.json`` itself cannot be used.
    """
    path = place(path)
    description = catalog.read_description(path)
    findings: list[Finding] = []
    records: list[CommitRecord] = []
    for record_path in catalog.record_paths(path):
        try:
            record = catalog.read_record(record_path)
        except CacheError as error:
            findings.append(Finding(record_path.name, str(error)))
            continue
        records.append(record)
        findings += check_shard(path, record, description)
    findings += _foreign_files(path, records, description.recipe.is_compact)
    findings += _duplicates(records)
    others, unchecked = check_files(path, description)
    return VerifyReport(
        shards=len(records),
        clips=sum(len(record.clip_ids) for record in records),
        num_bytes=sum(record.num_bytes for record in records),
        findings=(*findings, *others),
        without_checksum=unchecked + catalog.count_unchecked(description, records),
    )


def check_shard(path: Path, record: CommitRecord, description: catalog.Description) -> Iterator[Finding]:
    """Yield what is wrong with one shard."""
    if record.content.recipe_id != description.recipe.recipe_id:
        yield Finding(record.file, "made with another recipe than the cache's")
    shard = path / catalog.SHARDS / record.file
    if record.store not in STORES:
        missing = f"its back end {record.store!r} is not installed here: it cannot be checked"
        yield Finding(record.file, missing, repair=False)
        return
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
    try:
        opened = store.open(shard, record.datasets)
    except OSError as error:
        yield Finding(record.file, f"cannot be opened: {error.strerror}")
        return
    yield from _check_arrays(record, opened, description)


def _check_arrays(
    record: CommitRecord, shard: ShardFile, description: catalog.Description
) -> Iterator[Finding]:
    sound: set[str] = set()
    for name in sorted(record.datasets, key=lambda name: name.startswith(schema.FRAMES)):
        try:
            problems = list(_check_array(record, shard, name))
        except (OSError, CacheError) as error:
            problems = [Finding(record.file, str(error), field=name)]
        if not problems:
            sound.add(name)
        yield from problems
    if schema.OFFSETS in sound:
        offsets = shard.read(schema.OFFSETS, 0, len(record.clip_ids) + 1)
        if offsets.tolist() != np.cumsum([0, *record.num_frames]).tolist():
            yield Finding(record.file, "offsets do not match the record's frame counts", field=schema.OFFSETS)
    if schema.CLIPS + "clip_id" in sound:
        ids = shard.read(schema.CLIPS + "clip_id", 0, len(record.clip_ids))
        if tuple(value.decode(errors="replace") for value in ids.tolist()) != record.clip_ids:
            yield Finding(record.file, "clip ids do not match the record", field="clips/clip_id")
    for name in lacking(record, tuple(description.fields.values())):
        yield Finding(record.file, f"lacks {name}, or holds it in another shape")


def lacking(record: CommitRecord, fields: Sequence[FrameField]) -> Iterator[str]:
    """Yield the arrays that every shard with these frame fields must have, and this one has not."""
    yield from (name for name in (CONTENT, schema.CLIPS + "clip_id") if name not in record.datasets)
    for field in fields:
        frames = record.datasets.get(schema.FRAMES + field.name)
        if frames is None or frames.shape[1:] != (field.width,) or frames.numpy_dtype != field.dtype:
            yield schema.FRAMES + field.name
        more = [schema.CRC, schema.GLOBAL_MEAN]
        more += [schema.SCALE, schema.OFFSET] if field.quantised else []
        yield from (name + field.name for name in more if name + field.name not in record.datasets)


def _check_array(record: CommitRecord, shard: ShardFile, name: str) -> Iterator[Finding]:
    if name.startswith(schema.FRAMES):
        yield from _check_frames(record, shard, name)
        return
    dataset = record.datasets[name]
    array = shard.read(name, 0, dataset.shape[0])
    if crc32c(array) != dataset.crc32c:
        yield Finding(record.file, "checksum does not match", field=name)
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.nonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0][0])
        yield Finding(record.file, "a value is not finite", record.clip_ids[row], name)


def _check_frames(record: CommitRecord, shard: ShardFile, name: str) -> Iterator[Finding]:
    try:
        checksums = shard.read(schema.CRC + name.removeprefix(schema.FRAMES), 0, len(record.clip_ids))
    except KeyError:
        return  # reported as lacking
    start = 0
    for clip_id, frames, expected in zip(record.clip_ids, record.num_frames, checksums, strict=True):
        problem = _frame_problem(shard, name, start, frames, int(expected))
        if problem:
            yield Finding(record.file, problem, clip_id, name)
        start += frames


def _frame_problem(shard: ShardFile, name: str, start: int, frames: int, expected: int) -> str | None:
    try:
        values = shard.read(name, start, start + frames)
    except (OSError, CacheError) as error:
        return str(error)
    if crc32c(values) != expected:
        return "checksum does not match"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "a value is not finite"
    return None


def _foreign_files(path: Path, records: list[CommitRecord], compact: bool) -> Iterator[Finding]:
    """A shard without a record is what a kill between publishing and recording leaves: harmless, but said."""
    expected = {record.file for record in records}
    writer = "emi-cache compact" if compact else "emi-extract run"
    for item in (path / catalog.SHARDS / name for name in gate.names(path, catalog.SHARDS)):
        if item.suffix == ".json" or item.name in expected or item.name.endswith(durable.TMP_SUFFIX):
            continue
        if item.suffix in suffixes() and SHARD_NAME.fullmatch(item.stem):
            # Its writer may be about to write the record, or the next run may settle it: that has its time.
            is_old = _age(item) > ORPHAN_SECONDS
            way_out = "--repair records it if it is sound" if is_old else f"{writer} settles or replaces it"
            what = f"no commit record names this file; {way_out}"
            yield Finding(item.name, what, repair=is_old, orphan=True)
        else:
            yield Finding(item.name, "a foreign file: no shard of this cache")


def _age(item: Path) -> float:
    """Return seconds since it was written; 0 when it is gone, as a running extract may have settled it."""
    try:
        if isinstance(item, UrlPath):
            sizes = [item.parent.storage.size(item.name)] if item.exists() else item.storage.list("")
            return time.time() - max(entry.modified_ns for entry in sizes) / 1e9
        return time.time() - item.lstat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _duplicates(records: list[CommitRecord]) -> Iterator[Finding]:
    replaced = catalog.superseded(records)
    places = [
        (clip_id, record.file)
        for record in records
        for clip_id in record.clip_ids
        if (record.name, clip_id) not in replaced
    ]
    counts = Counter(clip_id for clip_id, _ in places)
    for clip_id, file in places:
        if counts[clip_id] > 1:
            problem = f"stands in {counts[clip_id]} shards; emi-cache merge CACHE --out NEW keeps one"
            yield Finding(file, problem, clip_id, repair=False)
