"""What a run is to do: lengths from headers, once planned always the same; parts and limits take whole shards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache import CacheReader
from cache.commit.partition import ShardPlan
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.options import ExtractOptions
from extract.run.opening import open_writer
from extract.run.run_plan import plan_run, planned_frames, selected
from extract.run.stopping import Stopped
from extract.sources.find import find_clips

SHARDS = [
    ShardPlan(str(turn), dict.fromkeys(range(10 * turn, 10 * turn + 4), 1), "p", turn) for turn in range(7)
]
LOGMEL = ExtractOptions(EncoderOptions("logmel"), shard_mb=0.02)


def nothing(_done: int, _total: int) -> None:
    """Show no progress."""


def names(shards) -> list[str]:
    return [shard.name for shard in shards]


def test_parts_share_the_shards_out_by_their_turn() -> None:
    parts = [selected(SHARDS, replace(LOGMEL, part=(index, 3))) for index in (1, 2, 3)]
    assert [names(part) for part in parts] == [["0", "3", "6"], ["1", "4"], ["2", "5"]]
    left = [shard for shard in SHARDS if shard.name not in "03"]
    assert names(selected(left, replace(LOGMEL, part=(1, 3)))) == ["6"], "however far the others are"


@pytest.mark.parametrize(("limit", "taken"), [(1, "0"), (4, "0"), (5, "01"), (99, "0123456")])
def test_a_limit_takes_whole_shards(limit, taken) -> None:
    assert names(selected(SHARDS, replace(LOGMEL, limit=limit))) == list(taken)


def test_a_new_source_is_planned_from_its_headers(tmp_path, clips) -> None:
    source, model = find_clips(clips), find_encoder(LOGMEL.encoder)
    plan = plan_run(source, model, open_writer(tmp_path / "c", LOGMEL, model), LOGMEL, nothing)
    assert plan.num_clips == 12
    planned = {clip_id: frames for shard in plan.shards for clip_id, frames in shard.planned.items()}
    assert planned["00000"] == (round(0.3 * 16_000) - 400) // 320 + 1
    assert (plan.records, plan.touched, plan.changed, plan.cut_short) == ([], {}, (), False)


def test_what_was_planned_once_is_not_read_again(reference, clips, options, tmp_path) -> None:
    records = CacheReader(reference).records
    source = {clip.clip_id: replace(clip, path=tmp_path / "gone") for clip in find_clips(clips).clips}
    frames = planned_frames(source, records, None, options, nothing, tmp_path)
    assert frames == {clip_id: n for record in records for clip_id, n in record.content.planned.items()}


def test_a_stop_while_planning_leaves_nothing_to_do(tmp_path, clips) -> None:
    source, model = find_clips(clips), find_encoder(LOGMEL.encoder)

    def stop(_done: int, _total: int) -> None:
        raise Stopped

    plan = plan_run(source, model, open_writer(tmp_path / "c", LOGMEL, model), LOGMEL, stop)
    assert (plan.cut_short, plan.shards, plan.num_clips) == (True, (), 0)
