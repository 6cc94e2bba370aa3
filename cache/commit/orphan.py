"""A shard between its publishing and its record: what it is, and whether it is sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.common.errors import DamagedCacheError
from cache.format.record import CommitRecord, ShardContent
from cache.format.schema import CLIPS, CRC, OFFSETS, FrameField
from cache.shards.arrays import frame_checksums
from cache.shards.store import CONTENT, ShardStore, Stored


@dataclass(frozen=True)
class Published:
    """A shard under its final name; ``identity`` tells it from another one under the same name."""

    stored: Stored
    content: ShardContent
    identity: tuple[int, ...]


def identity(path: Path) -> tuple[int, ...]:
    """Return what a file or folder keeps when it is linked or renamed; nothing for one that is not there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def record_of(store: ShardStore, final: Path, published: Published) -> CommitRecord:
    """Make the record from the published file, so that it says what is there."""
    stored, content = published.stored, published.content
    opened = store.open(final, stored.datasets)
    id_rows = stored.datasets[CLIPS + "clip_id"].shape[0]
    ids = opened.read(CLIPS + "clip_id", 0, id_rows)
    offsets = opened.read(OFFSETS, 0, id_rows + 1)
    return CommitRecord(
        name=final.stem,
        store=store.name,
        file=final.name,
        num_bytes=stored.num_bytes,
        checksum=stored.checksum,
        clip_ids=tuple(value.decode() for value in ids.tolist()),
        num_frames=tuple(np.diff(offsets).tolist()),
        datasets=stored.datasets,
        content=content,
    )


def read_orphan(
    store: ShardStore, final: Path, fields: Sequence[FrameField], expected: ShardContent
) -> Published:
    """Read and check a shard that was published by somebody who did not come to record it.

    Args:
        store: its back end.
        final: where it stands.
        fields: the frame fields it must hold.
        expected: what was planned for this shard.

    Raises:
        DamagedCacheError: it is not readable, damaged, or made from other clips or by another recipe.
    """
    which = identity(final)
    stored = store.describe(final)
    try:
        opened = store.open(final, stored.datasets)
        raw = opened.read(CONTENT, 0, stored.datasets[CONTENT].shape[0])
        content = ShardContent.from_json(json.loads(raw.tobytes()))
        published = Published(stored, content, which)
        record = record_of(store, final, published)
        CommitRecord.from_bytes(record.to_bytes(), str(final.with_suffix(".json")))
        rows = len(record.clip_ids)
        arrays = {OFFSETS: opened.read(OFFSETS, 0, rows + 1)}
        arrays |= {CRC + field.name: opened.read(CRC + field.name, 0, rows) for field in fields}
        known = frame_checksums(arrays, fields)
        is_sound = all(stored.datasets[name].crc32c == checksum for name, checksum in known.items())
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedCacheError(f"{final}: published without a record and not readable ({error})") from None
    if content.recipe_id != expected.recipe_id or not set(record.clip_ids) <= set(expected.planned):
        raise DamagedCacheError(f"{final}: published without a record and made from something else")
    if not is_sound:
        raise DamagedCacheError(f"{final}: published without a record and damaged")
    return published
