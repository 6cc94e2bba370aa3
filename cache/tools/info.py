"""``emi-cache info``: clips, hours, frames, bytes per field, recipe, failures, counts per split of a cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.commit.failures import damaged_lines, read_failures
from cache.common.console import in_one_line
from cache.common.ids import KnownIds
from cache.common.tables import read_table, split_in_name, split_name
from cache.common.words import counted, size
from cache.format import catalog, schema
from cache.format.recipe import recipe_lines
from cache.reader import CacheReader


def info(path: Path | str, labels: Sequence[Path] = ()) -> dict[str, Any]:
    """Describe a cache without reading frame data.

    Args:
        path: of the cache.
        labels: label tables; the cache's coverage is counted per table, and per split where a table has
            a split column.
    """
    with CacheReader(path) as reader:
        frames = sum(reader.num_frames(clip_id) for clip_id in reader.clip_ids)
        failures = read_failures(reader.path, set(reader.clip_ids))
        description: dict[str, Any] = {
            "path": str(reader.path),
            "clips": len(reader),
            "hours": float(_table(reader, "duration").sum()) / 3600,
            "frames": frames,
            "shards": len(reader.records),
            "gigabytes": sum(record.num_bytes for record in reader.records) / 1e9,
            "gigabytes_per_field": {
                name: frames * field.bytes_per_frame / 1e9 for name, field in reader.frame_fields.items()
            },
            "silent": int(_table(reader, "silent").sum()),
            "cut": int(_table(reader, "cut").sum()),
            "windowed": int(_table(reader, "windowed").sum()),
            "failures": dict(Counter(failure.reason for failure in failures)),
            "damaged_failure_lines": sum(damaged_lines(reader.path).values()),
            "recipe_id": reader.recipe_id,
            "recipe": reader.recipe,
            "store": reader.description.store,
            "without_checksum": catalog.count_unchecked(reader.description, reader.records),
            "licence": reader.description.licence,
        }
        if labels:
            description["coverage"] = _coverage(labels, set(reader.clip_ids))
    return description


def _table(reader: CacheReader, name: str) -> Any:
    return reader.clip_table(schema.CLIPS + name)


def _coverage(labels: Sequence[Path], cached: set[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    known = KnownIds(cached)
    for path in labels:
        table = read_table(path)
        column = table.split_column(split_is_named=bool(split_in_name(path.stem)))
        table.ids()  # refuses what is no table of clips
        for text, row in zip(table.written_ids(), table.rows, strict=True):
            split = split_name(row[column]) if column else path.stem
            key = "cached" if known.find(text) else "missing"
            counts.setdefault(split, Counter(cached=0, missing=0))[key] += 1
    return {split: dict(count) for split, count in counts.items()}


def info_text(description: Mapping[str, Any]) -> str:
    """Return ``info`` as lines for a terminal."""
    lines = [
        f"{description['path']}: {counted(description['clips'], 'clip')}, {description['hours']:.2f} h, "
        f"{counted(description['frames'], 'frame')} in {counted(description['shards'], 'shard')}, "
        f"{size(description['gigabytes'] * 1e9)} ({description['store']})",
    ]
    lines += [
        f"  {'frames/' + name:28} {size(gigabytes * 1e9):>12}"
        for name, gigabytes in description["gigabytes_per_field"].items()
    ]
    longest = description["recipe"].get("max_seconds")
    known = isinstance(longest, int | float) and longest > 0
    cut = f"{description['cut']} cut" + (f" at {longest:g} s" if known else "")
    lines.append(f"  {description['silent']} silent, {cut}, {description['windowed']} windowed")
    failures = ", ".join(
        f"{in_one_line(reason)} {count}" for reason, count in description["failures"].items()
    )
    damaged = description["damaged_failure_lines"]
    more = f" (and {counted(damaged, 'damaged line')}: emi-cache verify names them)" if damaged else ""
    lines.append(f"  failed clips: {failures or 'none'}{more}")
    for split, count in description.get("coverage", {}).items():
        lines.append(f"  {split}: {count['cached']} cached, {count['missing']} missing")
    lines.append(f"  recipe {description['recipe_id']}")
    lines += [f"    {line}" for line in recipe_lines(description["recipe"])]
    if description["without_checksum"]:
        lines.append(f"  {catalog.unchecked_text(description['without_checksum'])}")
    lines.append(f"  licence: {in_one_line(description['licence']) or 'not stated'}")
    return "\n".join(lines)
