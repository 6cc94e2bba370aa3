"""One shard under way: its decoded clips go through the encoder in batches, are checked, and are committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from cache.commit.failures import Failure
from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from cache.format.schema import SAMPLING_RATE
from cache.shards.arrays import ClipFeatures
from extract.audio.cut import Audio
from extract.encoders.base import Encoded
from extract.errors import ClipError
from extract.run.batches import batches
from extract.run.context import RunContext
from extract.run.finishing import finish
from extract.sources.clips import SourceClip

Decoded = tuple[SourceClip, Audio]


@dataclass
class Shard:
    """A shard under way, with what came of its clips so far."""

    plan: ShardPlan
    lease: Lease
    finished: list[Future[ClipFeatures | Failure]] = field(default_factory=list)


def encode_shard(
    shard: Shard,
    stream: Iterator[tuple[SourceClip, Audio | ClipError]],
    finishers: ThreadPoolExecutor,
    context: RunContext,
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
    for batch in batches(arriving, context.batch_seconds, context.encoder.equal_lengths):
        for clip, audio, encoded in _encode(batch, context):
            shard.finished.append(finishers.submit(finish, clip, audio, encoded, context.writer.fields))
        shard.lease.renew()
        done += len(batch)
        context.meter.add(len(batch), sum(len(audio.samples) for _, audio in batch) / SAMPLING_RATE)
        if not context.stop.allows((time.monotonic() - started) / done * (total - done)):
            return False
    return True


def _arriving(
    stream: Iterator[tuple[SourceClip, Audio | ClipError]], total: int, context: RunContext
) -> Iterator[tuple[Decoded, int]]:
    """Yield the shard's clips with their samples; list those that could not be decoded."""
    for _ in range(total):
        with context.meter.phase("wait_decode"):
            clip, audio = next(stream)
        if isinstance(audio, ClipError):
            context.fail(Failure(clip.clip_id, clip.shown, "decode", audio.reason, str(audio)))
            context.meter.add(1, 0.0)
        else:
            yield (clip, audio), len(audio.samples)


def _encode(batch: Sequence[Decoded], context: RunContext) -> Iterator[tuple[SourceClip, Audio, Encoded]]:
    """Encode a batch; should it fail as a whole, or memory run out, every clip gets its own chance."""
    try:
        with context.meter.phase("encode"):
            encoded = context.encoder.encode([audio.samples for _, audio in batch])
    except (ClipError, MemoryError) as error:
        if len(batch) == 1:
            clip, audio = batch[0]
            told = error if isinstance(error, ClipError) else _too_long(audio)
            context.fail(Failure(clip.clip_id, clip.shown, "encode", told.reason, str(told)))
            return
        for item in batch:
            yield from _encode([item], context)
        return
    for (clip, audio), result in zip(batch, encoded, strict=True):
        yield clip, audio, result


def _too_long(audio: Audio) -> ClipError:
    return ClipError("out_of_memory", f"{len(audio.samples) / SAMPLING_RATE:.1f} s do not fit the memory")


def commit_shard(shard: Shard, context: RunContext) -> None:
    """Commit what came of a shard's clips and give its lease back.

    Rows stand in the order of the ids, whatever order the encoder saw them in.
    """
    results = [future.result() for future in shard.finished]
    shard.finished.clear()
    for result in results:
        if isinstance(result, Failure):
            context.fail(result)
    clips = sorted((r for r in results if isinstance(r, ClipFeatures)), key=lambda clip: clip.clip_id)
    record = context.writer.commit(clips, shard.plan)
    if record:
        context.meter.committed(record)
    shard.lease.release()
