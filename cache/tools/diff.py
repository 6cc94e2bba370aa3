"""``emi-cache diff``: how two caches differ in recipe, ids and values; never in names or times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.common.progress import OnProgress, silent
from cache.common.types import Array
from cache.format import schema
from cache.reader import CacheReader

TOLERANCE = 1e-3  # relative L2 of a field of a clip
PLACES = frozenset({"clips/source", "clips/clip_id"})  # where a clip came from is no value


@dataclass(frozen=True)
class Difference:
    """One difference; ``clip`` and ``field`` are empty where it concerns the whole caches."""

    problem: str
    clip: str = ""
    field: str = ""

    def __str__(self) -> str:
        where = ", ".join(filter(None, [f"clip {self.clip}" if self.clip else "", self.field]))
        return f"{where + ': ' if where else ''}{self.problem}"


def diff(
    one: Path | str,
    other: Path | str,
    *,
    exact: bool = False,
    on_progress: OnProgress = silent,
) -> list[Difference]:
    """Return how two caches differ.

    Args:
        one: a cache.
        other: another.
        exact: compare bits instead of relative L2 (1e-3).
        on_progress: called with clips done and in all.
    """
    with CacheReader(one) as a, CacheReader(other) as b:
        differences = [Difference(f"recipe, {line}") for line in a.recipe.differences(b.recipe)]
        for here, there, path in ((a, b, a.path), (b, a, b.path)):
            differences += [
                Difference(f"only in {path}", clip_id) for clip_id in sorted(set(here) - set(there))
            ]
            missing = sorted(set(here.frame_fields) - set(there.frame_fields))
            differences += [Difference(f"only in {path}", field=f"frames/{name}") for name in missing]
        both = [clip_id for clip_id in a.clip_ids if clip_id in b]
        differences += _tables(a, b, both, exact)
        for done, clip_id in enumerate(both):
            differences += _frames(a, b, clip_id, exact)
            on_progress(done + 1, len(both))
    return differences


def _frames(a: CacheReader, b: CacheReader, clip_id: str, exact: bool) -> Iterator[Difference]:
    for name in sorted(a.frame_fields.keys() & b.frame_fields.keys()):
        if exact:
            first, second = a.read_frames(clip_id, name), b.read_frames(clip_id, name)
        else:
            first, second = a.read_values(clip_id, name), b.read_values(clip_id, name)
        problem = _problem(first, second, exact)
        if problem:
            yield Difference(problem, clip_id, f"frames/{name}")


def _tables(a: CacheReader, b: CacheReader, ids: list[str], exact: bool) -> Iterator[Difference]:
    if not ids:
        return
    names, others = _names(a), _names(b)
    for name in sorted(names ^ others):
        yield Difference(f"only in {(a if name in names else b).path}", field=name)
    for name in sorted(names & others):
        first, second = a.clip_table(name, ids), b.clip_table(name, ids)
        if first.dtype.kind in "US":
            for row in np.nonzero(first != second)[0].tolist():
                yield Difference(f"{first[row]} and {second[row]}", ids[row], name)
            continue
        for row, clip_id in enumerate(ids):
            problem = _problem(first[row : row + 1], second[row : row + 1], exact)
            if problem:
                yield Difference(problem, clip_id, name)


def _names(reader: CacheReader) -> set[str]:
    """Clip-level fields to be compared; checksums, scales and offsets stand for frames, which are."""
    wanted = (schema.CLIPS, schema.GLOBAL_MEAN)
    names = {name for name in reader.clip_level_names if name.startswith(wanted)}
    return {name for name in names if not name.startswith(schema.CRC)} - PLACES


def _problem(first: Array, second: Array, exact: bool) -> str | None:
    if first.shape != second.shape or (exact and first.dtype != second.dtype):
        return f"{first.dtype}{first.shape} and {second.dtype}{second.shape}"
    if first.tobytes() == second.tobytes():
        return None
    if exact:
        return "the bits differ"
    a, b = first.astype(np.float64), second.astype(np.float64)
    size = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    error = float(np.linalg.norm(a - b)) / size if size else 0.0
    return None if error <= TOLERANCE else f"relative L2 {error:.2g}"
