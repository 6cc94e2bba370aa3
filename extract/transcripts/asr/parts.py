"""What a run of transcribing leaves shard by shard: a part a shard, written once, from which the table is made."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cache.commit import leases
from cache.commit.failures import Failure, FailureLedger, read_failures
from cache.commit.leases import Lease
from cache.commit.leftovers import remove_dead_tmp
from cache.commit.partition import ShardPlan
from cache.common import durable, gate
from cache.common.errors import CacheError
from cache.format import own_checksum
from cache.format.catalog import LEASES
from cache.format.recipe import canonical_json

FOLDER = ".parts"  # ends the name of the folder beside the table
PARTS = "parts"
MAX_BYTES = 1 << 28  # of a part


@dataclass(frozen=True)
class Row:
    """One clip, heard.

    Attributes:
        clip_id: text id.
        text: what was said, empty for nothing.
        language: code such as ``en``, or empty.
        no_speech: probability that nobody speaks, from 0 to 1.
        duration: of the clip [s].
        note: what to look at, or empty.
        words: text, start [s], end [s] and probability of each.
        audio_sha256: of the samples that were heard.
        source: file it came from.
        stat: size [bytes] and modification time [ns] of that file, start and end of the clip in it [s].
        generation: 0; one more each time that the clip was heard again.
    """

    clip_id: str
    text: str
    language: str
    no_speech: float
    duration: float
    note: str
    words: tuple[tuple[str, float, float, float], ...]
    audio_sha256: str
    source: str
    stat: tuple[float | None, ...]
    generation: int = 0

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Row:
        """The inverse of ``asdict``; raises KeyError, TypeError or ValueError for anything else."""
        names = ("clip_id", "text", "language", "note", "audio_sha256", "source")
        values: dict[str, Any] = {name: str(row[name]) for name in names}
        values |= {name: float(row[name]) for name in ("no_speech", "duration")}
        words = tuple((str(w), float(start), float(end), float(p)) for w, start, end, p in row["words"])
        return cls(**values, words=words, stat=tuple(row["stat"]), generation=int(row["generation"]))


@dataclass(frozen=True)
class CommittedPart:
    """A part on the disk, for the meter."""

    name: str
    clip_ids: tuple[str, ...]
    num_bytes: int


class Parts:
    """The parts of one table, in a folder beside it; any number of runs may share it.

    Args:
        path: of the folder; made when missing.
        lease_seconds: how long a lease lasts unless renewed.
    """

    def __init__(self, path: Path, lease_seconds: float = leases.LEASE_SECONDS) -> None:
        self.path, self._lease_seconds = path, lease_seconds
        with durable.storage_errors(path):
            durable.make_folder(path / PARTS)
            for folder in (path, path / PARTS, path / LEASES):
                remove_dead_tmp(path, folder)
            leases.remove_dead(path)
        self._ledger = FailureLedger(path)

    def rows(self) -> dict[str, list[Row]]:
        """Return clip id → its rows, the latest last; a damaged part is set aside, its clips are heard again."""
        rows: dict[str, dict[int, Row]] = {}
        for path in gate.own_files(self.path, PARTS, ".json"):
            try:
                document, has_checksum = own_checksum.from_bytes(gate.read(self.path, path, MAX_BYTES))
                found = [Row.from_json(row) for row in document["rows"]]
            except (CacheError, OSError, KeyError, TypeError, ValueError, AttributeError):
                has_checksum = False
            if not has_checksum:
                durable.remove(path)
                continue
            for row in found:
                rows.setdefault(row.clip_id, {})[row.generation] = row
        return {clip_id: [some[key] for key in sorted(some)] for clip_id, some in rows.items()}

    def failures(self, done: Collection[str]) -> list[Failure]:
        """Return why clips could not be heard, of those that have not been since."""
        return read_failures(self.path, done)

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be heard."""
        self._ledger.add(failure)

    def lease(self, plan: ShardPlan) -> Lease | None:
        """Return a lease on a shard, or None while another run holds it."""
        return leases.acquire(self.path, plan.name, self._lease_seconds)

    def is_committed(self, plan: ShardPlan) -> bool:
        """Say whether somebody has written this part by now."""
        return self._file(plan.name).exists()

    def commit(self, clips: Sequence[Row], plan: ShardPlan) -> CommittedPart | None:
        """Write a part whole, once; None where every clip of it failed."""
        if not clips:
            return None
        data = own_checksum.to_bytes({"rows": [asdict(clip) for clip in clips]})
        durable.write_once(self._file(plan.name), data)
        return CommittedPart(plan.name, tuple(clip.clip_id for clip in clips), len(data))

    def _file(self, name: str) -> Path:
        return self.path / PARTS / f"{name}.json"


def parts_of(table: Path) -> Path:
    """Return the folder that holds the parts of a table."""
    return table.with_name(table.stem + FOLDER)


def plan_parts(
    clip_ids: Collection[str], generations: Mapping[str, int], shard_clips: int
) -> list[ShardPlan]:
    """Divide the clips to be heard into shards, in the order of their ids; equal work has equal names.

    Args:
        clip_ids: to be heard.
        generations: of those that were heard before.
        shard_clips: how many a shard has.
    """
    ids = sorted(clip_ids)
    plans = []
    for begin in range(0, len(ids), shard_clips):
        some = ids[begin : begin + shard_clips]
        key = canonical_json([[clip_id, generations.get(clip_id, 0)] for clip_id in some])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        plans.append(ShardPlan(name, dict.fromkeys(some, 1), name))
    return plans
