"""The bytes of the index of commit records: columns and texts behind a header with a checksum of everything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

import google_crc32c
import numpy as np

from cache.format import own_checksum
from cache.format.checksums import crc32c
from cache.format.json_values import require_keys, whole
from cache.format.record import CommitRecord, SourceStat
from cache.format.record_index import (
    NONE,
    OF_CLIPS,
    OF_DATASETS,
    OF_SHARDS,
    SEPARATOR,
    TABLES,
    RecordIndex,
    RecordStat,
)

MAGIC = b"emi-fusion record index 1\n"


def to_bytes(records: Sequence[CommitRecord], stats: Mapping[str, RecordStat]) -> bytes:
    """Return the index of at least one record; those without a stat, or with text it cannot hold, are left out."""
    kept = [record for record in records if record.name in stats and _fits(record)]
    tables: dict[str, dict[str, int]] = {name: {} for name in TABLES}
    shards = np.array([_shard_row(record, stats[record.name], tables) for record in kept], np.int64)
    clips = np.concatenate([np.array(list(_clip_rows(record)), np.int64) for record in kept])
    columns = [shards[:, number].astype(dtype) for number, dtype in enumerate(OF_SHARDS.values())]
    columns += [clips[:, number].astype(dtype) for number, dtype in enumerate(OF_CLIPS.values())]
    arrays = np.array([row for record in kept for row in _dataset_rows(record)], np.int64)
    columns += [arrays[:, number].astype(dtype) for number, dtype in enumerate(OF_DATASETS.values())]
    blobs = [b"".join(_texts(record) for record in kept)]
    each = ([r.name for r in kept], [r.file for r in kept], [_rest(r) for r in kept])
    blobs += [SEPARATOR.join(texts).encode() for texts in each]
    body = b"".join([*(column.tobytes() for column in columns), *blobs])
    header = {
        "shards": len(kept), "clips": len(clips), "arrays": len(arrays), "blobs": [len(blob) for blob in blobs],
        "tables": {name: [json.loads(value) for value in table] for name, table in tables.items()},
        "body_crc32c": google_crc32c.value(body),
    }  # fmt: skip
    return MAGIC + own_checksum.to_bytes(header) + body


def from_bytes(data: bytes) -> RecordIndex:
    """Read an index; raises ValueError, KeyError or TypeError for anything but the whole of one."""
    end = data.index(b"\n", len(MAGIC)) + 1
    header, has_checksum = own_checksum.from_bytes(data[len(MAGIC) : end])
    require_keys(header, {"shards", "clips", "arrays", "blobs", "tables", "body_crc32c"}, exactly=False)
    body = memoryview(data)[end:]
    if (
        not data.startswith(MAGIC)
        or not has_checksum
        or crc32c(np.frombuffer(body, np.uint8)) != header["body_crc32c"]
    ):
        raise ValueError("its checksum does not match")
    counts = {
        **dict.fromkeys(OF_SHARDS, whole(header["shards"])),
        **dict.fromkeys(OF_CLIPS, whole(header["clips"])),
        **dict.fromkeys(OF_DATASETS, whole(header["arrays"])),
    }
    columns, position = {}, 0
    for name, dtype in {**OF_SHARDS, **OF_CLIPS, **OF_DATASETS}.items():
        columns[name] = np.frombuffer(body, dtype, counts[name], position)
        position += columns[name].nbytes
    ends = list(accumulate(map(whole, header["blobs"]), initial=position))
    if ends[-1] != len(body):
        raise ValueError("bytes beyond its end")
    blobs = [bytes(body[begin:end]) for begin, end in pairwise(ends)]
    return RecordIndex(header, columns, blobs)


def _fits(record: CommitRecord) -> bool:
    sources = record.content.sources
    texts = (source.path for source in sources.values())
    return sources.keys() <= set(record.clip_ids) and not any(SEPARATOR in path for path in texts)


def _shard_row(
    record: CommitRecord, stat: RecordStat, tables: Mapping[str, dict[str, int]]
) -> tuple[int, ...]:
    content = record.content
    said = {
        "store": record.store,
        "recipe_id": content.recipe_id,
        "plan_id": content.plan_id,
        "versions": content.versions,
        "layout": [[name, each.dtype, each.shape[1:]] for name, each in record.datasets.items()],
    }
    codes = [tables[name].setdefault(json.dumps(said[name]), len(tables[name])) for name in TABLES]
    sizes = len(record.clip_ids), len(_texts(record))
    own = record.num_bytes, record.checksum, content.generation, int(record.has_checksum)
    return *stat, *own, *codes, *sizes


def _clip_rows(record: CommitRecord) -> Iterator[tuple[int, ...]]:
    planned, sources = record.content.planned, record.content.sources
    unknown = SourceStat("", NONE, 0)
    for clip_id, frames in zip(record.clip_ids, record.num_frames, strict=True):
        source = sources.get(clip_id, unknown)
        checksum = google_crc32c.value(clip_id.encode())
        yield frames, planned.get(clip_id, NONE), source.size, source.mtime_ns, checksum


def _dataset_rows(record: CommitRecord) -> Iterator[tuple[int, ...]]:
    for each in record.datasets.values():
        yield each.shape[0], NONE if each.offset is None else each.offset, each.crc32c


def _texts(record: CommitRecord) -> bytes:
    """Return the ids of a shard's clips and their sources."""
    sources = record.content.sources
    paths = [sources[clip_id].path if clip_id in sources else "" for clip_id in record.clip_ids]
    return SEPARATOR.join([*record.clip_ids, *paths]).encode()


def _rest(record: CommitRecord) -> str:
    """Return what few records have."""
    content = record.content
    here = set(record.clip_ids)
    failed = {clip_id: frames for clip_id, frames in content.planned.items() if clip_id not in here}
    rest = {"supersedes": content.supersedes, "notes": content.notes, "failed": failed}
    said = {name: value for name, value in rest.items() if value}
    return json.dumps(said) if said else ""
