"""Which clips form which shard: decided from the plan alone, so the same work always has the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cache.recipe import canonical_json
from cache.record import CommitRecord


@dataclass(frozen=True)
class ShardPlan:
    """One shard to be made.

    Attributes:
        name: of the shard; a hash of its planned clip ids and its generation.
        planned: clip id → expected frames, in the order of the ids.
        plan_id: which partition it belongs to; see ``plan_shards``.
        turn: number by which ``--part i/n`` deals shards out; the same for every worker of one source.
        generation: 0 at first, one more for each replacement.
    """

    name: str
    planned: dict[str, int]
    plan_id: str
    turn: int = 0
    generation: int = 0


def shard_name(clip_ids: Iterable[str], generation: int = 0) -> str:
    """Return the name of the shard of these clips."""
    digest = hashlib.sha256(canonical_json([sorted(clip_ids), generation]).encode()).hexdigest()
    return f"{digest[:16]}-{generation}"


def partition(planned: Mapping[str, int], frames_per_shard: int) -> list[dict[str, int]]:
    """Cut clips, sorted by id, into runs of at most ``frames_per_shard`` frames (at least one clip)."""
    shards: list[dict[str, int]] = []
    room = 0
    for clip_id in sorted(planned):
        frames = planned[clip_id]
        if not shards or frames > room:
            shards.append({})
            room = frames_per_shard
        shards[-1][clip_id] = frames
        room -= frames
    return shards


def plan_shards(
    planned: Mapping[str, int], records: Sequence[CommitRecord], frames_per_shard: int
) -> list[ShardPlan]:
    """Return every shard of the plan, those already committed included.

    Args:
        planned: clip id → expected frames, of the whole source.
        records: what is committed by now.
        frames_per_shard: from ``shard_mb`` and the bytes of a frame.

    The partition is that of the plan's clips which no *other* plan has settled. So a resumed run finds
    the same shards as an uninterrupted one, two workers with one source agree however far each of
    them is, and clips added to a source later form shards of their own. Clips that failed in a
    committed shard are planned again, in shards of their own.
    """
    plan_id = hashlib.sha256(canonical_json(dict(planned)).encode()).hexdigest()[:16]
    settled = {
        clip_id
        for record in records
        if record.content.plan_id != plan_id
        for clip_id in (*record.content.planned, *record.clip_ids)
    }
    open_clips = {clip_id: frames for clip_id, frames in planned.items() if clip_id not in settled}
    shards = [
        ShardPlan(shard_name(part), part, plan_id, turn)
        for turn, part in enumerate(partition(open_clips, frames_per_shard))
    ]
    committed = {clip_id for record in records for clip_id in record.clip_ids}
    return shards + _retries(planned, records, committed)


def _retries(
    planned: Mapping[str, int], records: Sequence[CommitRecord], committed: set[str]
) -> list[ShardPlan]:
    shards: dict[str, ShardPlan] = {}
    for record in records:
        missing = {
            clip_id: planned[clip_id]
            for clip_id in record.content.planned
            if clip_id not in committed and clip_id in planned
        }
        if missing:
            name = shard_name(missing)
            turn = int(name[:8], 16)  # which retries there are changes while workers run; a name does not
            shards[name] = ShardPlan(name, missing, record.content.plan_id, turn)
    return [shards[name] for name in sorted(shards)]
