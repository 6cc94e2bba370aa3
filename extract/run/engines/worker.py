"""A worker of a run, on another device or another machine: it loads its encoder, asks for shards and makes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import sleep
from typing import Any, Protocol

from cache.commit.partition import ShardPlan
from cache.commit.processes import host_name
from cache.common.cores import available_cores
from cache.common.errors import EmiError, is_out_of_memory, reason_of
from cache.common.progress import Progress
from extract.run.engines.job import Job, require_begun
from extract.run.engines.supply import POLL_SECONDS, Assignment
from extract.run.progress import RunMeter
from extract.run.shards.pipeline import run_supply
from extract.run.stopping import StopRequest

Message = tuple[Any, ...]
"""``(kind, …)``: ``take``, ``done``, ``held``, ``error``, ``started`` of a worker, and what its meter counts."""
LONGEST = 1000  # characters of what is said of an error of ours


class Link(Protocol):
    """The worker's end of what joins it to the process that started it."""

    def send(self, message: Message) -> None:
        """Say something; threads may do so at once."""

    def receive(self) -> Message:
        """Wait for an answer; raises EOFError when nobody is there any more."""


class RemoteSupply:
    """The supply of a worker whose server is at the other end of a link."""

    def __init__(self, link: Link) -> None:
        self._link, self._is_finished = link, False

    def take(self) -> Assignment | None:
        """Ask for the next shard."""
        self._link.send(("take",))
        try:
            answer, self._is_finished = self._link.receive()
        except EOFError:
            self._is_finished = True
            return None
        return None if answer is None else Assignment(*answer)

    def done(self, shard: ShardPlan) -> None:
        """Pass it on."""
        self._link.send(("done", shard.name))

    def held(self, shard: ShardPlan) -> None:
        """Pass it on."""
        self._link.send(("held", shard.name))

    def wait(self) -> bool:
        """Wait a moment; False once every shard is done."""
        if self._is_finished:
            return False
        sleep(POLL_SECONDS)
        return True


def work(job: Job, link: Link, stop: StopRequest) -> None:
    """Make shards until none is left.

    Args:
        job: what to do.
        link: to whom it is done for.
        stop: entered by the caller where signals are to count.

    Raises:
        EmiError, MemoryError, OSError: what ended it; ``foreseen`` says it in one line.
    """
    require_begun(job.run)
    if job.device == "cpu" and job.sharing > 1:  # before a library counts the cores for its own threads
        cores = int(os.environ.get("OMP_NUM_THREADS") or available_cores())
        os.environ["OMP_NUM_THREADS"] = str(max(1, cores // job.sharing))
    begin = job.run.load(job.device, job.lease_seconds)
    link.send(("started", host_name(), os.getpid()))
    with (
        stop,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        RunMeter(Progress(nowhere), send=link.send) as meter,
    ):
        try:
            run_supply(RemoteSupply(link), begin(stop, meter))
        finally:
            link.send(("phases", meter.phases))


def report(run: Callable[[], None], send: Callable[[Message], None]) -> None:
    """Run something in a worker, and send why it ended if it did not end well.

    Raises:
        SystemExit: it was foreseeable, and is said.
        Exception: it was not; its trace is for whoever mends it.
    """
    try:
        run()
    except Exception as error:
        reason = foreseen(error)
        send(("error", reason or f"a fault of this program, {type(error).__name__}: {error}"))
        if reason is None:
            raise
        raise SystemExit(1) from None


def foreseen(error: Exception) -> str | None:
    """Return what a worker's user is told of an error that could be foreseen; None for any other."""
    if isinstance(error, EmiError):
        return " ".join(str(error).split())[:LONGEST]  # what to do about it stands at its end
    if is_out_of_memory(error):
        return f"out of memory ({reason_of(error)})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'the system'}: {os.strerror(error.errno)}"
    return None


def share_cores(workers: int) -> None:
    """Keep this process's threads to its share of the cores when several workers run on the CPU."""
    if workers > 1 and "torch" in sys.modules:  # an encoder that has not loaded it needs none
        from extract.encoders.devices import share_cores

        share_cores(workers)
