"""A shard between its publishing and its record: what it is, and whether it is sound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath, in_threads
from cache.format.checksums import crc32c
from cache.format.record import CommitRecord, Dataset, ShardContent
from cache.format.schema import CLIPS, OFFSETS
from cache.shards.store import CONTENT, ShardStore, Stored


@dataclass(frozen=True)
class Published:
    """A shard under its final name; ``identity`` tells it from another one under the same name."""

    stored: Stored
    content: ShardContent
    identity: tuple[object, ...]


def identity(path: Path) -> tuple[object, ...]:
    """Return what a file or folder keeps when it is linked or renamed; nothing for one that is not there.

    Behind a URL it is the tags of its objects.
    """
    if isinstance(path, UrlPath):
        return tuple(sorted(tags(path).items()))
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def tags(final: UrlPath) -> dict[str, str]:
    """Return the objects of a shard behind a URL: name below ``shards/`` → tag.

    Each is asked for: what a list says of tags is written in another way in some stores.
    """
    storage = final.parent.storage
    try:
        return {final.name: storage.size(final.name).tag}
    except FileNotFoundError:
        names = [entry.name for entry in storage.list(f"{final.name}/")]
    try:
        return {entry.name: entry.tag for entry in in_threads(storage.size, names)}
    except FileNotFoundError:  # taken away just now
        return tags(final)


def record_of(store: ShardStore, final: Path, published: Published) -> CommitRecord:
    """Make the record from the published file, so that it says what is there.

    Raises:
        DamagedCacheError: the ids or the offsets are no longer those that were written.
    """
    stored, content = published.stored, published.content
    opened = store.open(final, stored.datasets)
    arrays = {}
    for name in (CLIPS + "clip_id", OFFSETS):
        dataset = stored.datasets[name]
        arrays[name] = opened.read(name, 0, dataset.shape[0])
        if crc32c(arrays[name]) != dataset.crc32c:
            raise DamagedCacheError(f"{final}: {name}: checksum does not match")
    return CommitRecord(
        name=final.stem,
        store=store.name,
        file=final.name,
        num_bytes=stored.num_bytes,
        checksum=stored.checksum,
        clip_ids=tuple(value.decode() for value in arrays[CLIPS + "clip_id"].tolist()),
        num_frames=tuple(np.diff(arrays[OFFSETS]).tolist()),
        datasets=stored.datasets,
        content=content,
    )


def read_orphan(store: ShardStore, final: Path, expected: ShardContent | None = None) -> Published:
    """Read and check a shard that was published by somebody who did not come to record it.

    Args:
        store: its back end.
        final: where it stands.
        expected: what was planned for this shard, if that is known.

    Raises:
        DamagedCacheError: it is not readable, not what was written, made from other clips or by another recipe;
            or of an earlier version, which did not write into a shard what all of its arrays must be.
    """
    which = identity(final)
    stored, record = store.describe(final), rebuilt_record(store, final)
    damaged = [name for name, found in stored.datasets.items() if found != record.datasets[name]]
    if damaged:
        raise DamagedCacheError(f"{final}: published without a record and damaged ({', '.join(damaged)})")
    other_plan = expected is not None and not set(record.clip_ids) <= set(expected.planned)
    if other_plan or (expected is not None and record.content.recipe_id != expected.recipe_id):
        raise DamagedCacheError(f"{final}: published without a record and made from something else")
    return Published(stored, record.content, which)


def rebuilt_record(store: ShardStore, final: Path) -> CommitRecord:
    """Make a record from what a shard says about itself; what its arrays hold may be damaged all the same.

    Raises:
        DamagedCacheError: it is not readable, or its account of itself does not fit what is there.
    """
    stored = store.describe(final)
    try:
        raw = store.open(final, stored.datasets).read(CONTENT, 0, stored.datasets[CONTENT].shape[0])
        content, arrays = ShardContent.from_bytes(raw.tobytes())
        arrays[CONTENT] = stored.datasets[CONTENT]
        if {name: _kind(array) for name, array in arrays.items()} != {
            name: _kind(array) for name, array in stored.datasets.items()
        }:
            raise ValueError("other arrays than were written")
        promised = {
            name: replace(found, crc32c=arrays[name].crc32c) for name, found in stored.datasets.items()
        }
        published = Published(replace(stored, datasets=promised), content, ())
        record = record_of(store, final, published)
        return CommitRecord.from_bytes(record.to_bytes(), str(final.with_suffix(".json")))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedCacheError(f"{final}: published without a record and not readable ({error})") from None


def _kind(dataset: Dataset) -> tuple[tuple[int, ...], str]:
    return dataset.shape, dataset.dtype
