"""The loop of a run: shards are read ahead, encoded here, checked and written behind."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import tee
from typing import Any

from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from cache.common.errors import StorageError
from extract.run.engines.supply import Assignment, ClipsAtHand, OwnSupply, ShardServer, ShardSupply
from extract.run.shards.encode_shard import Shard, commit_shard, encode_shard
from extract.run.shards.work import Clip, ShardWork

RENEW_SECONDS = 5.0

_Claim = tuple[Assignment, Lease]


def run_shards(shards: Sequence[ShardPlan], clips: Mapping[str, Clip], context: ShardWork) -> None:
    """Do shards in this process alone; see ``run_supply``."""
    run_supply(OwnSupply(ShardServer(shards, clips)), context)


def run_supply(supply: ShardSupply, context: ShardWork) -> None:
    """Do every shard that is given out and no other run holds; then see to those that others have not finished."""
    while not context.stop.requested:
        _run_round(supply, context)
        with context.meter.phase("wait_write"):
            if context.stop.requested or not supply.wait():
                break


def _claimed(supply: ShardSupply, context: ShardWork) -> Iterator[_Claim]:
    """Yield the shards that are ours now, with their leases; hand back those that others hold."""
    while (assignment := supply.take()) is not None:
        shard = assignment.shard
        lease = context.writer.lease(shard)
        if context.writer.is_committed(shard):
            if lease is not None:
                lease.release()
            supply.done(shard)
        elif lease is None:
            supply.held(shard)
        else:
            yield assignment, lease


def _run_round(supply: ShardSupply, context: ShardWork) -> None:
    """The one visible loop."""
    taken: list[Lease] = []
    clips = ClipsAtHand()
    noted = _noted(_claimed(supply, context), taken, clips)
    ahead, here = tee(noted)
    with (
        ThreadPoolExecutor(context.workers, "decode") as decoders,
        ThreadPoolExecutor(2, "finish") as finishers,
        ThreadPoolExecutor(1, "write") as writers,
        _renewed(taken),
    ):
        plans = (assignment.shard for assignment, _ in ahead)
        stream = context.read_ahead(plans, clips, decoders)
        writing: Future[Any] | None = None
        try:
            for assignment, lease in here:
                shard = Shard(assignment.shard, lease)
                if not encode_shard(shard, stream, finishers, context):
                    break
                _wait_for(writing, context)
                clips.drop(assignment.clips)
                writing = writers.submit(_commit, shard, taken, supply, context)
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


@contextmanager
def _renewed(leases: list[Lease]) -> Iterator[None]:
    """Keep leases from running out, however long a batch takes."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            for lease in list(leases):
                with suppress(StorageError):  # the commit will say so, if it lasts
                    lease.renew()

    thread = threading.Thread(target=renew, name="leases", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _commit(shard: Shard, taken: list[Lease], supply: ShardSupply, context: ShardWork) -> None:
    commit_shard(shard, context)
    taken.remove(shard.lease)  # it is given back
    supply.done(shard.plan)


def _wait_for(writing: Future[Any] | None, context: ShardWork) -> None:
    """Wait until the shard before is committed; what went wrong there is raised here."""
    if writing:
        with context.meter.phase("wait_write"):
            writing.result()


def _noted(claims: Iterator[_Claim], taken: list[Lease], clips: ClipsAtHand) -> Generator[_Claim, None, None]:
    """Yield the claims, with every lease noted, so that all are given back however the round ends."""
    for assignment, lease in claims:
        taken.append(lease)
        clips.add(assignment.clips)
        yield assignment, lease
