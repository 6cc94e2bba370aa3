"""The loop of a run: shards are read ahead, encoded here, checked and written behind."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import tee
from typing import Any

from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from extract.run.shards.encode_shard import Shard, commit_shard, encode_shard
from extract.run.shards.work import Clip, ShardWork

POLL_SECONDS = 0.5  # between two looks at shards that other writers hold

_Claim = tuple[ShardPlan, Lease]


def run_shards(shards: Sequence[ShardPlan], clips: Mapping[str, Clip], context: ShardWork) -> None:
    """Do every shard that no other writer holds; then see to those that others held and did not finish."""
    while shards and not context.stop.requested:
        held: list[ShardPlan] = []
        _run_round(_claimed(shards, held, context), clips, context)
        shards = [shard for shard in held if not context.writer.is_committed(shard)]
        if len(shards) == len(held) and shards:
            with context.meter.phase("wait_write"):
                time.sleep(POLL_SECONDS)


def _claimed(shards: Sequence[ShardPlan], held: list[ShardPlan], context: ShardWork) -> Iterator[_Claim]:
    """Yield the shards that are ours now, with their leases; put those that others hold into ``held``."""
    for shard in shards:
        lease = context.writer.lease(shard)
        if lease is None:
            held.append(shard)
        elif context.writer.is_committed(shard):
            lease.release()
        else:
            yield shard, lease


def _run_round(claims: Iterator[_Claim], clips: Mapping[str, Clip], context: ShardWork) -> None:
    """The one visible loop."""
    taken: list[Lease] = []
    noted = _noted(claims, taken)
    ahead, here = tee(noted)
    with (
        ThreadPoolExecutor(context.workers, "decode") as decoders,
        ThreadPoolExecutor(2, "finish") as finishers,
        ThreadPoolExecutor(1, "write") as writers,
    ):
        plans = (plan for plan, _ in ahead)
        stream = context.read_ahead(plans, clips, decoders)
        writing: Future[Any] | None = None
        try:
            for plan, lease in here:
                shard = Shard(plan, lease)
                if not encode_shard(shard, stream, finishers, context):
                    break
                _wait_for(writing, context)
                writing = writers.submit(commit_shard, shard, context)
                if context.stop.requested:
                    break
            _wait_for(writing, context)
        finally:
            stream.close()
            noted.close()
            if writing:
                wait([writing])
            for lease in taken:
                lease.release()


def _wait_for(writing: Future[Any] | None, context: ShardWork) -> None:
    """Wait until the shard before is committed; what went wrong there is raised here."""
    if writing:
        with context.meter.phase("wait_write"):
            writing.result()


def _noted(claims: Iterator[_Claim], taken: list[Lease]) -> Generator[_Claim, None, None]:
    """Yield the claims, with every lease noted, so that all are given back however the round ends."""
    for plan, lease in claims:
        taken.append(lease)
        yield plan, lease
