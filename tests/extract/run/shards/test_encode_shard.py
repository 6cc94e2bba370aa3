"""A shard through the encoder: bad clips are listed, a batch that fails falls apart, a stop gives it up."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from cache.commit.partition import ShardPlan
from cache.common.progress import Progress
from cache.format.schema import FrameField
from extract.audio.cut import Audio
from extract.encoders.base import Encoded
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.run.progress import RunMeter
from extract.run.shards.encode_shard import Shard, commit_shard, encode_shard
from extract.run.stopping import StopRequest
from extract.sources.clips import SourceClip


class Encoder:
    """Yields one frame a clip; refuses batches, and the clip of 7 samples."""

    equal_lengths, batch_seconds, memory_seconds = False, 100.0, float("inf")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, clips) -> list[Encoded]:
        self.batches.append(len(clips))
        if len(clips) > 1 or len(clips[0]) == 7:
            raise ClipError("out_of_memory", "does not fit")
        return [Encoded({"logmel": np.ones((1, 1), np.float32)}, {"logmel": np.ones(1, np.float32)}, {})]


class Writer:
    """Keeps what is committed and what failed."""

    fields = (FrameField("logmel", 1),)

    def __init__(self) -> None:
        self.failures, self.committed = [], []

    def fail(self, failure) -> None:
        self.failures.append((failure.clip_id, failure.stage, failure.reason))

    def commit(self, clips, plan):
        self.committed.append(([clip.clip_id for clip in clips], plan.name))
        return SimpleNamespace(name=plan.name, clip_ids=[clip.clip_id for clip in clips], num_bytes=1)


@pytest.fixture
def finishers():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def run(tmp_path, finishers, stop: StopRequest):
    """Encode clips c, b, a and a broken one."""
    lease = SimpleNamespace(renewed=0, released=False)
    lease.renew = lambda: setattr(lease, "renewed", lease.renewed + 1)
    lease.release = lambda: setattr(lease, "released", True)
    audio = {"c": 900, "b": 7, "a": 800}
    decoded = [
        (
            SourceClip(name, tmp_path / name, name),
            Audio(np.ones(size, np.float32), False, 0.0, "0" * 64, 1, 1),
        )
        for name, size in audio.items()
    ]
    decoded.insert(1, (SourceClip("x", tmp_path / "x", "x"), ClipError("unreadable", "why")))
    context = RunContext(Encoder(), Writer(), ExtractOptions(), stop, RunMeter(Progress(io.StringIO())))
    shard = Shard(ShardPlan("name", dict.fromkeys("abcx", 1), "plan"), lease)
    return shard, context, encode_shard(shard, iter(decoded), finishers, context)


def test_every_clip_gets_its_own_chance_and_rows_stand_in_the_order_of_ids(tmp_path, finishers) -> None:
    shard, context, whole = run(tmp_path, finishers, StopRequest(30.0))
    assert whole
    assert context.encoder.batches == [3, 1, 1, 1]
    assert context.writer.failures == [("x", "decode", "unreadable"), ("b", "encode", "out_of_memory")]
    commit_shard(shard, context)
    assert context.writer.committed == [(["a", "c"], "name")]
    assert context.meter.clip_ids == {"a", "c"}
    assert (shard.lease.renewed, shard.lease.released) == (1, True)


def test_want_of_memory_that_an_encoder_does_not_see_to_costs_the_clip_alone(
    tmp_path, finishers, monkeypatch
) -> None:
    def encode(self, clips):
        self.batches.append(len(clips))
        if len(clips) > 1 or len(clips[0]) == 7:
            raise MemoryError
        return [Encoded({"logmel": np.ones((1, 1), np.float32)}, {"logmel": np.ones(1, np.float32)}, {})]

    monkeypatch.setattr(Encoder, "encode", encode)
    shard, context, whole = run(tmp_path, finishers, StopRequest(30.0))
    assert whole
    assert context.writer.failures[1] == ("b", "encode", "out_of_memory")
    commit_shard(shard, context)
    assert context.writer.committed == [(["a", "c"], "name")]


def test_a_stop_without_time_left_gives_the_shard_up(tmp_path, finishers) -> None:
    _, context, whole = run(tmp_path, finishers, StopRequest(-1.0, max_minutes=0.0))
    assert not whole
    assert context.writer.committed == []
