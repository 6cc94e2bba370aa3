"""One worker per further device of this machine: processes that get their shards through pipes.

A process each, since the launches of one device would wait for the Python of another. A worker that dies costs
the shard it was at; the others do the rest.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from cache.commit.partition import ShardPlan
from extract.run.engines.crew import Crew, how_it_died
from extract.run.engines.job import Job, WorkerRun
from extract.run.engines.supply import OwnSupply, ShardServer
from extract.run.engines.worker import Message, report, share_cores, work
from extract.run.shards.pipeline import run_supply
from extract.run.shards.work import ShardWork
from extract.run.stopping import StopRequest

LISTEN_SECONDS = 0.2


def run_locally(
    devices: Sequence[str],
    shards: Sequence[ShardPlan],
    clips: Mapping[str, Any],
    own: ShardWork,
    run: WorkerRun,
) -> None:
    """Do the shards on every device at once: the first one here, each other one in a process of its own.

    Args:
        devices: names of them.
        shards: to be done.
        clips: of the source, by id.
        own: the work of this process.
        run: what the other processes begin their work by.
    """
    server = ShardServer(shards, clips)
    with Helpers(devices, server, own, run):
        run_supply(OwnSupply(server), own)


class Helpers:
    """The workers on every device but the first; leaving waits until they are through.

    One that ends early costs time and nothing else: this process and the others do its shards. Why it ended is
    a note of the meter.
    """

    def __init__(self, devices: Sequence[str], server: ShardServer, own: ShardWork, run: WorkerRun) -> None:
        self._own = own
        self._crew = Crew(server, own.meter)
        spawn = multiprocessing.get_context("spawn")  # neither CUDA nor OpenMP survives a fork
        self._workers: list[tuple[BaseProcess, Connection, Connection]] = []
        on_cpu = sum(device == "cpu" for device in devices)
        share_cores(on_cpu)
        for number, device in enumerate(devices[1:], 1):
            job = Job(device, run, on_cpu)
            # A pipe each: one that is killed while it writes holds up nobody else.
            here, there = spawn.Pipe()
            process = spawn.Process(target=_work, args=(job, there), name=f"{device} (worker {number})")
            self._workers.append((process, here, there))
        self._listener = threading.Thread(target=self._listen, name="workers")

    def __enter__(self) -> Helpers:
        for process, _, there in self._workers:
            process.start()
            there.close()  # the worker's own end: once that is closed too, it has said everything
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stop()
        for process, _, _ in self._workers:
            process.join()
        self._listener.join()
        if error is None:
            self._tell()

    def _tell(self) -> None:
        """Note which workers ended early; one that a stop found before its first shard did as it was told."""
        stopped = self._own.stop.requested
        for process, _, _ in self._workers:
            code = process.exitcode or 0
            if code and not (stopped and code == -signal.SIGTERM):
                why = self._crew.reasons.get(process.name) or how_it_died(code)
                rest = "" if stopped else "; the others did its shards"
                self._own.meter.note(f"the worker on {process.name} ended early: {why}{rest}")

    def _stop(self) -> None:
        for process, _, _ in self._workers:
            if process.is_alive():
                process.terminate()

    def _listen(self) -> None:
        """Answer the workers, count what they send, and let them know that a stop is asked for."""
        stopped = False
        names = {here: process.name for process, here, _ in self._workers}
        while names:
            if self._own.stop.requested and not stopped:
                stopped = True
                self._stop()
            for here in wait(list(names), LISTEN_SECONDS):
                assert isinstance(here, Connection)  # noqa: S101 - for the type checker
                try:
                    message = here.recv()
                except (EOFError, OSError):
                    self._crew.server.lost(names.pop(here))
                    here.close()
                    continue
                answer = self._crew.hear(names[here], message)
                if answer is not None:
                    with suppress(OSError):  # it has ended; the pipe says so in a moment
                        here.send(answer)
            for process, _, _ in self._workers:
                process.is_alive()  # one that ended is let go of, so that its lease counts no longer


class _PipeLink:
    """A worker's end of its pipe; what its threads say arrives whole, one after the other."""

    def __init__(self, end: Connection) -> None:
        self._end, self._lock = end, threading.Lock()

    def send(self, message: Message) -> None:
        with self._lock, suppress(OSError):  # nobody listens any more: this process is about to be ended too
            self._end.send(message)

    def receive(self) -> Message:
        try:
            answer: Message = self._end.recv()
        except OSError:
            raise EOFError from None
        return answer


def _work(job: Job, end: Connection) -> None:
    """Run in a process of its own: take shards until none is left."""
    _end_with(multiprocessing.parent_process())
    link = _PipeLink(end)
    stop = StopRequest(job.run.options.grace, job.run.options.max_minutes)
    report(lambda: work(job, link, stop), link.send)


def _end_with(parent: BaseProcess | None) -> None:
    """Stop in order when the process that started this one is gone, killed for example."""

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
