"""Which clips form which shard: decided from the plan alone, so the same work always has the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cache.format import catalog
from cache.format.recipe import canonical_json
from cache.format.record import CommitRecord


@dataclass(frozen=True)
class ShardPlan:
    """One shard to be made.

    Attributes:
        name: of the shard; a hash of its planned clip ids and its generation.
        planned: clip id → expected frames, in the order of the ids.
        plan_id: which partition it belongs to; see ``plan_shards``.
        turn: number by which ``--part i/n`` deals shards out; the same for every worker of one source.
        generation: 0 at first, one more for each replacement.
        supersedes: clips of older generations that this shard replaces.
    """

    name: str
    planned: dict[str, int]
    plan_id: str
    turn: int = 0
    generation: int = 0
    supersedes: tuple[str, ...] = ()


def shard_name(clip_ids: Iterable[str], generation: int = 0) -> str:
    """Return the name of the shard of these clips."""
    digest = hashlib.sha256(canonical_json([sorted(clip_ids), generation]).encode()).hexdigest()
    return f"{digest[:16]}-{generation}"


def is_own_name(record: CommitRecord) -> bool:
    """Say whether a shard's name is that of its clips: a copy under another name is no shard of its own."""
    content = record.content
    return record.name in {shard_name(ids, content.generation) for ids in (content.planned, record.clip_ids)}


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


@dataclass(frozen=True)
class Committed:
    """What a cache holds when shards are planned.

    Attributes:
        records: of the committed shards.
        set_aside: of the shards that a repair took out of the cache.
    """

    records: Sequence[CommitRecord] = ()
    set_aside: Sequence[CommitRecord] = ()

    @property
    def names(self) -> set[str]:
        """Names that are taken: those of shards that are, or were, committed."""
        return {record.name for record in (*self.records, *self.set_aside)}

    @property
    def generations(self) -> dict[str, int]:
        """Clip id → the latest generation committed."""
        latest: dict[str, int] = {}
        for record in self.records:
            for clip_id in record.clip_ids:
                latest[clip_id] = max(latest.get(clip_id, 0), record.content.generation)
        return latest


def plan_shards(
    planned: Mapping[str, int],
    committed: Committed,
    frames_per_shard: int,
    replace: Collection[str] = (),
) -> list[ShardPlan]:
    """Return every shard of the plan, those already committed included.

    Args:
        planned: clip id → expected frames, of the whole source.
        committed: what is there by now.
        frames_per_shard: from ``shard_mb`` and the bytes of a frame.
        replace: committed clips to be made again, for example because their source file changed.

    The partition is that of the plan's clips which no *other* plan has settled. So a resumed run finds
    the same shards as an uninterrupted one, two workers with one source agree however far each of
    them is, and clips added to a source later form shards of their own. Clips that failed in a
    committed shard, clips of a shard set aside and clips to be replaced form shards of their own, one
    for each shard they come from, so that their names too do not depend on who asks when.
    """
    plan_id = hashlib.sha256(canonical_json(dict(planned)).encode()).hexdigest()[:16]
    settled = {
        clip_id
        for record in (*committed.records, *committed.set_aside)
        if record.content.plan_id != plan_id
        for clip_id in (*record.content.planned, *record.clip_ids)
    }
    open_clips = {clip_id: frames for clip_id, frames in planned.items() if clip_id not in settled}
    names, generations = committed.names, committed.generations
    shards = [
        _unless_committed(ShardPlan(shard_name(part), part, plan_id, turn), names, generations)
        for turn, part in enumerate(partition(open_clips, frames_per_shard))
    ]
    own = {
        plan.name: plan
        for plan in (
            *_retries(planned, committed, generations),
            *_repairs(planned, committed, generations),
            *_replacements(planned, committed, replace),
        )
    }
    return [shard for shard in shards if shard.planned] + [own[name] for name in sorted(own)]


def _unless_committed(shard: ShardPlan, names: set[str], generations: Mapping[str, int]) -> ShardPlan:
    """Plans of different sources may cut the same clips differently: what one has, the other leaves out."""
    if shard.name in names or not any(clip_id in generations for clip_id in shard.planned):
        return shard
    rest = {clip_id: frames for clip_id, frames in shard.planned.items() if clip_id not in generations}
    return ShardPlan(shard_name(rest), rest, shard.plan_id, shard.turn)


def _of_its_own(
    planned: Mapping[str, int], clip_ids: Iterable[str], plan_id: str, generation: int = 0
) -> Iterator[ShardPlan]:
    """Yield the shard of some clips of one earlier shard, if there are any."""
    part = {clip_id: planned[clip_id] for clip_id in sorted(clip_ids) if clip_id in planned}
    if part:
        name = shard_name(part, generation)
        turn = int(name[:8], 16)  # which of them there are changes while workers run; a name does not
        yield ShardPlan(name, part, plan_id, turn, generation, tuple(part) if generation else ())


def _retries(
    planned: Mapping[str, int], committed: Committed, generations: Mapping[str, int]
) -> Iterator[ShardPlan]:
    """Clips that failed in a committed shard."""
    aside = {clip_id for record in committed.set_aside for clip_id in record.content.planned}
    for record in committed.records:
        # A difference of sets would walk through all that is committed, once a record.
        planned_here = record.content.planned
        missing = [clip_id for clip_id in planned_here if clip_id not in generations and clip_id not in aside]
        yield from _of_its_own(planned, missing, record.content.plan_id)


def _repairs(
    planned: Mapping[str, int], committed: Committed, generations: Mapping[str, int]
) -> Iterator[ShardPlan]:
    """Clips of a shard set aside that no shard of a later generation has brought back."""
    last: dict[str, int] = {}
    for record in committed.set_aside:
        for clip_id in record.clip_ids:
            last[clip_id] = max(last.get(clip_id, 0), record.content.generation)
    for record in committed.set_aside:
        generation = record.content.generation
        lost = [
            clip_id
            for clip_id in record.clip_ids
            if last[clip_id] == generation and generations.get(clip_id, -1) <= generation
        ]
        failed = [
            clip_id
            for clip_id in record.content.planned
            if clip_id not in generations and clip_id not in last
        ]
        yield from _of_its_own(planned, [*lost, *failed], record.content.plan_id, generation + 1)


def _replacements(
    planned: Mapping[str, int], committed: Committed, replace: Collection[str]
) -> Iterator[ShardPlan]:
    """Clips to be made again; a clip replaced before is taken from the shard that counts now."""
    if not replace:
        return
    places = catalog.effective(committed.records)
    for record in committed.records:
        stale = [
            clip_id for clip_id in record.clip_ids if clip_id in replace and places.get(clip_id) is record
        ]
        yield from _of_its_own(planned, stale, record.content.plan_id, record.content.generation + 1)
