"""One worker per further device: processes that share the shards out by their leases.

A process each, since the launches of one device would wait for the Python of another. A worker that dies costs
the shard it was at; the others do the rest.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from cache.commit.partition import ShardPlan
from cache.common.errors import EmiError
from cache.common.progress import Progress
from extract.encoders.lookup import load_encoder
from extract.errors import ExtractError
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.run.opening import open_writer
from extract.run.pipeline import run_shards
from extract.run.progress import RunMeter
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

    Raises:
        ExtractError: on leaving, when one of them failed and this process did not.
    """

    def __init__(
        self,
        devices: Sequence[str],
        shards: Sequence[ShardPlan],
        clips: Mapping[str, SourceClip],
        context: RunContext,
    ) -> None:
        self._run = context
        self._errors: list[str] = []
        spawn = multiprocessing.get_context("spawn")  # neither CUDA nor OpenMP survives a fork
        self._messages: Any = spawn.Queue()
        self._processes: list[BaseProcess] = []
        on_cpu = sum(device == "cpu" for device in devices)
        _share_cores(on_cpu)
        for number, device in enumerate(devices[1:], 1):
            # Each begins elsewhere, so that none waits for a lease.
            begin = len(shards) * number // len(devices)
            mine = [*shards[begin:], *shards[:begin]]
            job = _Job(device, mine, clips, context.writer.path, context.options, on_cpu)
            self._processes.append(spawn.Process(target=_work, args=(job, self._messages), name=device))
        self._listener = threading.Thread(target=self._listen, name="workers")

    def __enter__(self) -> Helpers:
        for process in self._processes:
            process.start()
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stop()
        for process in self._processes:
            process.join()
        self._listener.join()
        failed = [process.name for process in self._processes if process.exitcode]
        if failed and error is None:
            why = "; ".join(self._errors) or "it died without a word"
            raise ExtractError(f"the worker on {', '.join(failed)} failed: {why}; run again to continue")

    def _stop(self) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()

    def _listen(self) -> None:
        """Count what the workers send, and let them know that a stop is asked for."""
        stopped = False
        while any(process.is_alive() for process in self._processes) or not self._messages.empty():
            if self._run.stop.requested and not stopped:
                stopped = True
                self._stop()
            try:
                kind, *values = self._messages.get(timeout=LISTEN_SECONDS)
            except queue.Empty:
                continue
            if kind == "error":
                self._errors.append(values[0])
            else:
                self._run.meter.receive(kind, *values)


def _work(job: _Job, messages: Any) -> None:
    """Run in a process of its own: take shards that nobody holds until none is left."""
    _end_with(multiprocessing.parent_process())
    try:
        _share_cores(job.sharing if job.device == "cpu" else 1)
        encoder = load_encoder(replace(job.options.encoder, device=job.device))
        writer = open_writer(job.out, job.options, encoder)
        with (
            StopRequest(job.options.grace, job.options.max_minutes) as stop,
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            RunMeter(Progress(nowhere), job.options.log_file, messages.put) as meter,
        ):
            run_shards(job.shards, job.clips, RunContext(encoder, writer, job.options, stop, meter))
    except EmiError as error:
        messages.put(("error", str(error)))
        raise SystemExit(1) from None


def _share_cores(workers: int) -> None:
    """Keep this process's threads to its share of the cores when several workers run on the CPU."""
    if workers > 1:
        from extract.encoders.devices import share_cores  # loads torch, which one worker alone may not need

        share_cores(workers)


def _end_with(parent: BaseProcess | None) -> None:
    """Stop in order when the process that started this one is gone, killed for example."""

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
