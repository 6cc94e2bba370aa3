"""The workers of a Ray cluster: shards go out as workers become free, and come back when one is lost.

Only rows of the source pass through Ray, never sound or features: workers read the media and write the cache. A
worker that dies costs the shard it was at; another one takes its place where the cluster has room. The commit is
the checkpoint: when this process dies, Ray ends its workers, and the same command goes on from what is committed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.commit.partition import ShardPlan
from cache.commit.remote_leases import remove_of
from cache.common.errors import reason_of
from cache.common.storage.protocol import RemoteError
from cache.common.words import counted
from extract.errors import ExtractError
from extract.run.engines.crew import Crew
from extract.run.engines.job import Job, WorkerRun, absolute
from extract.run.engines.ray_cluster import Layout, joined, layout
from extract.run.engines.ray_worker import RayWorker
from extract.run.engines.supply import ShardServer
from extract.run.progress import RunMeter
from extract.run.stopping import StopRequest

LISTEN_SECONDS = 0.5  # between two looks at whether a stop is asked for
LEASE_SECONDS = 60.0  # what a machine that died with this one holds is free again after so long
END_SECONDS = 10.0  # for the last words of workers that have nothing left to do
CALLS_AT_ONCE = 4  # events, answers, a stop
MAX_LOSSES = 3  # of workers at one shard, or before any shard was done


@dataclass(frozen=True)
class RayRun:
    """What a run on Ray needs beside its shards.

    Attributes:
        what: the workers begin their work by it; all machines see what it writes.
        stop: whether a stop is asked for.
        meter: counts and shows what is done.
    """

    what: WorkerRun
    stop: StopRequest
    meter: RunMeter


def run_on_ray(shards: Sequence[ShardPlan], clips: Mapping[str, Any], run: RayRun) -> None:
    """Do the shards on the workers of a Ray cluster; this process makes none itself.

    Raises:
        ExtractError: there is no Ray, no cluster, or no worker that could go on; what is committed stays.
    """
    engine = run.what.options.engine
    with joined(engine.address, run.stop) as ray:
        room = layout(ray.nodes(), engine, may_use_gpus=run.what.may_use_gpus)
        run.meter.log(
            f"ray: {counted(room.workers, 'worker')} of {room.cpus} CPUs and {room.gpus:g} GPUs on "
            f"{counted(sum(node['Alive'] for node in ray.nodes()), 'machine')}"
        )
        workers = _Workers(ray, room, ShardServer(shards, _Absolute(clips)), run)
        try:
            workers.run(min(room.workers, len(shards)))
        finally:
            workers.dismiss()


class _Workers:
    """The actors, and the one call of each that waits for what it says."""

    def __init__(self, ray: Any, room: Layout, server: ShardServer, run: RayRun) -> None:
        self._ray, self._server, self._run = ray, server, run
        self._crew = Crew(server, run.meter, with_phases=True)
        self._job = Job(room.device, run.what.portable(), 1, LEASE_SECONDS)
        self._actor = ray.remote(RayWorker).options(
            num_cpus=room.cpus,
            num_gpus=room.gpus,
            max_concurrency=CALLS_AT_ONCE,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        self._actors: dict[str, Any] = {}
        self._listening: dict[Any, str] = {}  # call → worker
        self._hired, self._room = 0, room.workers
        self._lost_in_vain = 0  # workers, since the last shard was done
        self._losses: Counter[str] = Counter()  # of workers, by the shard they were at
        self._given_up: list[ShardPlan] = []

    def run(self, workers: int) -> None:
        """Go on until every shard is done, a stop has ended all workers, or none is left."""
        for _ in range(workers):
            self._hire()
        while not self._server.is_finished and not self._run.stop.requested:
            if not self._actors:
                raise ExtractError(f"--engine ray: no worker is left: {self._why()}")
            self._listen(LISTEN_SECONDS)
        self._wait_for_the_end()
        if self._given_up:
            raise ExtractError(
                f"--engine ray: {counted(len(self._given_up), 'shard')} ended {MAX_LOSSES} workers each and "
                f"{'was' if len(self._given_up) == 1 else 'were'} given up, the first with the clip "
                f"{next(iter(self._given_up[0].planned))}; all others are done: look into the memory of a "
                "worker, or run without --engine ray"
            )

    def dismiss(self) -> None:
        """Let go of every worker that is left."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()

    def _hire(self) -> None:
        self._hired += 1
        name = f"ray worker {self._hired}"
        self._actors[name] = self._actor.remote(self._job)
        self._listening[self._actors[name].events.remote()] = name

    def _wait_for_the_end(self) -> None:
        """Wait for the last words of workers at a shard; those that have not begun are let go of at once."""
        stopped = self._run.stop.requested
        for name in self._actors.keys() - self._crew.places.keys():
            self._leave(name)
        if stopped:
            for actor in self._actors.values():
                actor.stop.remote()
        end = time.monotonic() + END_SECONDS + (self._run.what.options.grace if stopped else 0.0)
        while self._actors and time.monotonic() < end:
            self._listen(LISTEN_SECONDS)

    def _listen(self, seconds: float) -> None:
        """Hear whoever says something within some seconds."""
        ready, _ = self._ray.wait(list(self._listening), timeout=seconds)
        for call in ready:
            name = self._listening.pop(call)
            try:
                messages = self._ray.get(call)
            except self._ray.exceptions.RayError as error:
                self._lose(name, error)
                continue
            ended = [self._hear(name, message) for message in messages]
            if any(ended):
                self._end(name)
            else:
                self._listening[self._actors[name].events.remote()] = name

    def _hear(self, name: str, message: tuple[Any, ...]) -> bool:
        """Take one message; say whether it is the worker's last."""
        if message[0] == "ended":
            return True
        if message[0] == "done":
            self._lost_in_vain = 0
        answer = self._crew.hear(name, message)
        if answer is not None:
            self._actors[name].tell.remote(answer)
        return False

    def _end(self, name: str) -> None:
        """Let go of a worker that has said its last: it was through, told to stop, or had a reason."""
        self._leave(name)
        self._take_back(name)
        reason = self._crew.reasons.get(name)
        if reason:
            self._run.meter.note(f"{self._called(name)} ended early: {reason}; the others did its shards")

    def _lose(self, name: str, error: Exception) -> None:
        """Give the shards of a worker that died to others, and put another one in its place."""
        self._leave(name)
        shards = self._take_back(name)
        self._lost_in_vain += 1
        if name not in self._crew.places:
            self._crew.reasons[name] = f"it could not start: {_first_words(error)}"
        else:
            self._crew.reasons[name] = "it died, or its machine"
        if shards:
            self._losses[shards[0].name] += 1  # the one at hand; others were only waiting their turn
            if self._losses[shards[0].name] >= MAX_LOSSES:
                self._given_up += self._server.give_up(shards[0].name)
        rest = f"; {counted(len(shards), 'shard')} of it went to others" if shards else ""
        self._run.meter.note(f"{self._called(name)} was lost: {self._crew.reasons[name]}{rest}")
        if self._lost_in_vain <= MAX_LOSSES * self._room and not self._run.stop.requested:
            self._hire()

    def _take_back(self, name: str) -> list[ShardPlan]:
        """Take back what a worker had, and the leases that nobody will renew."""
        shards = self._server.lost(name)
        if name in self._crew.places:
            with suppress(OSError, RemoteError):  # they run out by themselves
                remove_of(self._job.run.leases_in, [shard.name for shard in shards], *self._crew.places[name])
        return shards

    def _leave(self, name: str) -> None:
        self._ray.kill(self._actors.pop(name))
        for call in [call for call, of in self._listening.items() if of == name]:
            del self._listening[call]

    def _called(self, name: str) -> str:
        place = self._crew.places.get(name)
        return f"{name} (process {place[1]} on {place[0]})" if place else name

    def _why(self) -> str:
        return next(reversed(self._crew.reasons.values()), "all have ended") + "; what is committed stays"


class _Absolute(Mapping[str, Any]):
    """The clips of a source with absolute paths: another machine's process has its own working folder."""

    def __init__(self, clips: Mapping[str, Any]) -> None:
        self._clips = clips

    def __getitem__(self, clip_id: str) -> Any:
        clip = self._clips[clip_id]
        path = getattr(clip, "path", None)
        if isinstance(path, Path) and not path.is_absolute():
            return replace(clip, path=absolute(path))
        return clip

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)


def _first_words(error: Exception) -> str:
    """Return what Ray says of an error before it tells of ids and traces."""
    lines = str(error).splitlines()
    named = next((line for line in reversed(lines) if line.partition(":")[0].endswith("Error")), None)
    return reason_of(Exception(named or next(iter(lines), "")))
