"""The same work always lands on the same shard names, whoever does it and however often it is cut short."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cache.commit.partition import Committed, ShardPlan, partition, plan_shards, shard_name
from cache.format.record import CommitRecord, ShardContent

PLANS = st.dictionaries(
    st.text("abc0123", min_size=1, max_size=5), st.integers(0, 40), min_size=1, max_size=40
)


def record(plan: ShardPlan, failed: Sequence[str] = ()) -> CommitRecord:
    ids = tuple(clip_id for clip_id in plan.planned if clip_id not in failed)
    content = ShardContent("r", plan.plan_id, plan.planned, {}, {}, plan.generation)
    return CommitRecord(plan.name, "hdf5", "f", 1, 1, ids, (1,) * len(ids), {}, content)


@given(PLANS, st.integers(1, 60))
def test_every_clip_is_in_exactly_one_shard_of_at_most_the_wanted_size(planned, room) -> None:
    shards = partition(planned, room)
    assert sorted(clip_id for shard in shards for clip_id in shard) == sorted(planned)
    assert all(sum(shard.values()) <= room or len([v for v in shard.values() if v]) == 1 for shard in shards)


@given(PLANS, st.integers(1, 60), st.randoms())
def test_the_order_of_the_source_does_not_matter(planned, room, random) -> None:
    items = list(planned.items())
    random.shuffle(items)
    assert partition(dict(items), room) == partition(planned, room)


@given(PLANS, st.integers(1, 60), st.data())
def test_a_resumed_run_finds_the_same_shards(planned, room, data) -> None:
    fresh = plan_shards(planned, Committed(), room)
    done = data.draw(st.lists(st.sampled_from(fresh), unique_by=lambda plan: plan.name))
    assert plan_shards(planned, Committed([record(plan) for plan in done]), room) == fresh


@given(PLANS, PLANS, st.integers(1, 60))
def test_clips_added_later_form_shards_of_their_own(planned, more, room) -> None:
    first = [record(plan) for plan in plan_shards(planned, Committed(), room)]
    union = planned | {clip_id: frames for clip_id, frames in more.items() if clip_id not in planned}
    done = {r.name for r in first}
    added = [plan for plan in plan_shards(union, Committed(first), room) if plan.name not in done]
    assert sorted(clip_id for plan in added for clip_id in plan.planned) == sorted(
        union.keys() - planned.keys()
    )
    later = first + [record(plan) for plan in added]
    assert {plan.name for plan in plan_shards(union, Committed(later), room)} <= {r.name for r in later}


@given(PLANS, st.integers(1, 60), st.data())
def test_failed_clips_are_planned_again_and_only_they(planned, room, data) -> None:
    fresh = plan_shards(planned, Committed(), room)
    failed = data.draw(st.sets(st.sampled_from(sorted(planned))))
    records = [record(plan, failed) for plan in fresh if not failed.issuperset(plan.planned)]
    done = {r.name for r in records}
    again = [plan for plan in plan_shards(planned, Committed(records), room) if plan.name not in done]
    assert sorted(clip_id for plan in again for clip_id in plan.planned) == sorted(failed)


def test_a_name_says_ids_and_generation() -> None:
    assert shard_name(["a", "b"]) == shard_name(["b", "a"])
    assert shard_name(["a", "b"]) != shard_name(["a", "b"], 1)
    assert shard_name(["ab"]) != shard_name(["a", "b"])


@given(PLANS, st.integers(1, 60), st.data())
def test_clips_to_be_replaced_are_planned_once_whatever_is_done_already(planned, room, data) -> None:
    first = plan_shards(planned, Committed(), room)
    records = [record(plan) for plan in first]
    stale = data.draw(st.sets(st.sampled_from(sorted(planned)), min_size=1))
    done = {r.name for r in records}
    fresh = [p for p in plan_shards(planned, Committed(records), room, stale) if p.name not in done]
    assert sorted(clip_id for plan in fresh for clip_id in plan.supersedes) == sorted(stale)
    assert {plan.generation for plan in fresh} == {1}
    some = data.draw(st.lists(st.sampled_from(fresh), unique_by=lambda plan: plan.name))
    left = stale - {clip_id for plan in some for clip_id in plan.planned}
    later = Committed(records + [record(plan) for plan in some])
    again = [p for p in plan_shards(planned, later, room, left) if p.name not in later.names]
    assert again == [plan for plan in fresh if plan not in some]
    assert plan_shards(planned, later, room)[: len(first)] == first


@given(PLANS, st.integers(1, 60), st.data())
def test_clips_of_shards_set_aside_are_planned_again_and_only_they(planned, room, data) -> None:
    records = [record(plan) for plan in plan_shards(planned, Committed(), room)]
    aside: list[CommitRecord] = []
    for _ in range(2):
        bad = data.draw(st.sets(st.sampled_from(range(len(records))), min_size=1))
        aside = [*aside, *(records[i] for i in bad)]
        kept = [r for i, r in enumerate(records) if i not in bad]
        committed = Committed(kept, aside)
        again = [p for p in plan_shards(planned, committed, room) if p.name not in committed.names]
        lost = sorted(clip_id for i in bad for clip_id in records[i].clip_ids)
        assert sorted(clip_id for plan in again for clip_id in plan.planned) == lost
        records = kept + [record(plan) for plan in again]
        names = Committed(records, aside).names
        assert all(plan.name in names for plan in plan_shards(planned, Committed(records, aside), room))


def test_two_sources_that_cut_the_same_clips_differently_plan_no_clip_twice() -> None:
    first = plan_shards(dict.fromkeys("abcdef", 1), Committed(), 2)
    half = [record(first[1])]
    union = plan_shards(dict.fromkeys("abcdefx", 1) | {"a": 2}, Committed(half), 2)
    both = [*half, record(union[0])]
    later = Committed(both)
    again = [p for p in plan_shards(dict.fromkeys("abcdef", 1), later, 2) if p.name not in later.names]
    committed = {clip_id for r in both for clip_id in r.clip_ids}
    assert not committed & {clip_id for plan in again for clip_id in plan.planned}
