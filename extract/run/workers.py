"""One worker per further device: processes that share the shards out by their leases.

A process each, since the launches of one device would wait for the Python of another. A worker that dies costs
the shard it was at; the others do the rest.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from cache.commit.partition import ShardPlan
from cache.common.cores import available_cores
from cache.common.errors import EmiError, is_out_of_memory, reason_of
from cache.common.progress import Progress
from extract.encoders.lookup import load_encoder
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.run.opening import open_writer
from extract.run.progress import RunMeter
from extract.run.shards.pipeline import run_shards
from extract.run.stopping import StopRequest
from extract.sources.clips import SourceClip

LISTEN_SECONDS = 0.2


@dataclass(frozen=True)
class _Job:
    """What a worker is to do; it loads its own encoder."""

    device: str
    shards: Sequence[ShardPlan]
    clips: Mapping[str, SourceClip]
    out: Path
    options: ExtractOptions
    sharing: int


class Helpers:
    """The workers on every device but the first; leaving waits until they are through.

    One that ends early costs time and nothing else: this process and the others do its shards. Why it ended is
    a note of the meter.
    """

    def __init__(
        self,
        devices: Sequence[str],
        shards: Sequence[ShardPlan],
        clips: Mapping[str, SourceClip],
        context: RunContext,
    ) -> None:
        self._run = context
        self._reasons: dict[str, str] = {}
        spawn = multiprocessing.get_context("spawn")  # neither CUDA nor OpenMP survives a fork
        self._workers: list[tuple[BaseProcess, Connection, Connection]] = []
        on_cpu = sum(device == "cpu" for device in devices)
        _share_cores(on_cpu)
        for number, device in enumerate(devices[1:], 1):
            # Each begins elsewhere, so that none waits for a lease.
            begin = len(shards) * number // len(devices)
            mine = [*shards[begin:], *shards[:begin]]
            job = _Job(device, mine, clips, context.writer.path, context.options, on_cpu)
            # A pipe each: one that is killed while it writes holds up nobody else.
            here, there = spawn.Pipe(duplex=False)
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
        stopped = self._run.stop.requested
        for process, _, _ in self._workers:
            code = process.exitcode or 0
            if code and not (stopped and code == -signal.SIGTERM):
                why = self._reasons.get(process.name) or _how_it_died(code)
                rest = "" if stopped else "; the others did its shards"
                self._run.meter.note(f"the worker on {process.name} ended early: {why}{rest}")

    def _stop(self) -> None:
        for process, _, _ in self._workers:
            if process.is_alive():
                process.terminate()

    def _listen(self) -> None:
        """Count what the workers send, and let them know that a stop is asked for."""
        stopped = False
        names = {here: process.name for process, here, _ in self._workers}
        while names:
            if self._run.stop.requested and not stopped:
                stopped = True
                self._stop()
            for here in wait(list(names), LISTEN_SECONDS):
                assert isinstance(here, Connection)  # noqa: S101 - for the type checker
                try:
                    kind, *values = here.recv()
                except (EOFError, OSError):
                    del names[here]
                    here.close()
                    continue
                if kind == "error":
                    self._reasons[names[here]] = values[0]
                else:
                    with suppress(EmiError):  # a log that cannot be written must not leave a worker unheard
                        self._run.meter.receive(kind, *values)
            for process, _, _ in self._workers:
                process.is_alive()  # one that ended is let go of, so that its lease counts no longer


def _how_it_died(code: int) -> str:
    """Say what an exit code means of a worker that said nothing."""
    if code == -signal.SIGKILL:
        return "killed, as the system does when memory runs out"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _work(job: _Job, end: Connection) -> None:
    """Run in a process of its own: take shards that nobody holds until none is left."""
    _end_with(multiprocessing.parent_process())
    send = _Sender(end)
    if job.device == "cpu" and job.sharing > 1:  # before a library counts the cores for its own threads
        cores = int(os.environ.get("OMP_NUM_THREADS") or available_cores())
        os.environ["OMP_NUM_THREADS"] = str(max(1, cores // job.sharing))
    try:
        encoder = load_encoder(replace(job.options.encoder, device=job.device))
        writer = open_writer(job.out, job.options, encoder)
        with (
            StopRequest(job.options.grace, job.options.max_minutes) as stop,
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            RunMeter(Progress(nowhere), job.options.log_file, send) as meter,
        ):
            run_shards(job.shards, job.clips, RunContext(encoder, writer, job.options, stop, meter))
    except Exception as error:
        reason = _foreseen(error)
        send(("error", reason or f"a fault of this program, {type(error).__name__}: {error}"))
        if reason is None:
            raise  # its trace is for whoever mends it
        raise SystemExit(1) from None


class _Sender:
    """Sends what a worker's threads count to the process that started it, whole and one after the other."""

    def __init__(self, end: Connection) -> None:
        self._end, self._lock = end, threading.Lock()

    def __call__(self, message: tuple[Any, ...]) -> None:
        with self._lock, suppress(OSError):  # nobody listens any more: this process is about to be ended too
            self._end.send(message)


def _foreseen(error: Exception) -> str | None:
    """Return what a worker's user is told of an error that could be foreseen; None for any other."""
    if isinstance(error, EmiError):
        return reason_of(error)
    if is_out_of_memory(error):
        return f"out of memory ({reason_of(error)})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'the system'}: {os.strerror(error.errno)}"
    return None


def _share_cores(workers: int) -> None:
    """Keep this process's threads to its share of the cores when several workers run on the CPU."""
    if workers > 1 and "torch" in sys.modules:  # an encoder that has not loaded it needs none
        from extract.encoders.devices import share_cores

        share_cores(workers)


def _end_with(parent: BaseProcess | None) -> None:
    """Stop in order when the process that started this one is gone, killed for example."""

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
