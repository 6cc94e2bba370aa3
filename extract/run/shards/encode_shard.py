"""One shard under way: its clips go through the encoder in batches, are checked, and are committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from cache.commit.failures import Failure
from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from cache.format.schema import SAMPLING_RATE
from extract.errors import ClipError
from extract.run.shards.batches import batches
from extract.run.shards.work import Clip, Finished, ShardWork, refusal

Decoded = tuple[Clip, Any]


@dataclass
class Shard:
    """A shard under way, with what came of its clips so far."""

    plan: ShardPlan
    lease: Lease
    finished: list[Future[Finished | Failure]] = field(default_factory=list)


def encode_shard(
    shard: Shard,
    stream: Iterator[tuple[Clip, Any]],
    finishers: ThreadPoolExecutor,
    context: ShardWork,
) -> bool:
    """Encode a shard's clips.

    Args:
        shard: with its lease.
        stream: the next clips of it are this shard's, in any order, decoded or not.
        finishers: check and cast what the encoder returns.
        context: of the run.

    Returns:
        False when a stop leaves no time for it.
    """
    started, done, total = time.monotonic(), 0, len(shard.plan.planned)
    arriving = _arriving(stream, total, context)
    for batch in batches(arriving, context.batch_seconds, context.equal_lengths):
        for clip, item, encoded in _encode(batch, context):
            shard.finished.append(finishers.submit(context.finish, clip, item, encoded))
        shard.lease.renew()
        done += len(batch)
        context.meter.add(len(batch), sum(context.num_samples(item) for _, item in batch) / SAMPLING_RATE)
        if not context.stop.allows((time.monotonic() - started) / done * (total - done)):
            return False
    return True


def _arriving(
    stream: Iterator[tuple[Clip, Any]], total: int, context: ShardWork
) -> Iterator[tuple[Decoded, int]]:
    """Yield the shard's clips with their samples; list those that could not be decoded."""
    for _ in range(total):
        with context.meter.phase("wait_decode"):
            clip, item = next(stream)
        if isinstance(item, ClipError):
            context.fail(refusal(clip, "decode", item))
            context.meter.add(1, 0.0)
        else:
            yield (clip, item), context.num_samples(item)


def _encode(batch: Sequence[Decoded], context: ShardWork) -> Iterator[tuple[Clip, Any, Any]]:
    """Encode a batch; should it fail as a whole, or memory run out, every clip gets its own chance."""
    try:
        with context.meter.phase("encode"):
            encoded = context.encode([item for _, item in batch])
    except (ClipError, MemoryError) as error:
        if len(batch) == 1:
            clip, item = batch[0]
            told = error if isinstance(error, ClipError) else _too_long(context.num_samples(item))
            context.fail(refusal(clip, "encode", told))
            return
        for single in batch:
            yield from _encode([single], context)
        return
    for (clip, item), result in zip(batch, encoded, strict=True):
        yield clip, item, result


def _too_long(num_samples: int) -> ClipError:
    return ClipError("out_of_memory", f"{num_samples / SAMPLING_RATE:.1f} s do not fit the memory")


def commit_shard(shard: Shard, context: ShardWork) -> None:
    """Commit what came of a shard's clips and give its lease back.

    Rows stand in the order of the ids, whatever order the encoder saw them in.
    """
    results = [future.result() for future in shard.finished]
    shard.finished.clear()
    for result in results:
        if isinstance(result, Failure):
            context.fail(result)
    clips = sorted((r for r in results if not isinstance(r, Failure)), key=lambda clip: clip.clip_id)
    record = context.writer.commit(clips, shard.plan)
    if record:
        context.meter.committed(record)
    shard.lease.release()
