"""One worker per further device, in clips → extract → cache: processes that share the shards out by their leases.

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
from cache.common.console import Progress
from cache.common.errors import EmiError
from extract.encoders import load_encoder, share_cores
from extract.errors import ExtractError
from extract.options import ExtractOptions
from extract.run.opening import open_writer
from extract.run.pipeline import Stages, run_shards
from extract.run.progress import RunMeter, Told
from extract.run.stopping import StopRequest
from extract.sources.clips import SourceClip

LISTEN_SECONDS = 0.2


@dataclass(frozen=True)
class _Job:
    """What a worker is told; it loads its own encoder."""

    device: str
    plans: Sequence[ShardPlan]
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
        plans: Sequence[ShardPlan],
        clips: Mapping[str, SourceClip],
        stages: Stages,
    ) -> None:
        self._stages = stages
        self._errors: list[str] = []
        context = multiprocessing.get_context("spawn")  # neither CUDA nor OpenMP survives a fork
        self._told: Any = context.Queue()
        self._processes: list[BaseProcess] = []
        on_cpu = sum(device == "cpu" for device in devices)
        share_cores(on_cpu)
        for number, device in enumerate(devices[1:], 1):
            begin = (
                len(plans) * number // len(devices)
            )  # each begins elsewhere, so that none waits for a lease
            mine = [*plans[begin:], *plans[:begin]]
            job = _Job(device, mine, clips, stages.writer.path, stages.options, on_cpu)
            self._processes.append(context.Process(target=_work, args=(job, self._told), name=device))
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
        """Hand on what the workers tell, and to the workers that a stop is asked for."""
        stopped = False
        while any(process.is_alive() for process in self._processes) or not self._told.empty():
            if self._stages.stop.requested and not stopped:
                stopped = True
                self._stop()
            try:
                kind, *values = self._told.get(timeout=LISTEN_SECONDS)
            except queue.Empty:
                continue
            if kind == "error":
                self._errors.append(values[0])
            else:
                self._stages.meter.hear(kind, *values)


def _work(job: _Job, told: Any) -> None:
    """Run in a process of its own: take shards that nobody holds until none is left."""
    _end_with(multiprocessing.parent_process())
    try:
        share_cores(job.sharing if job.device == "cpu" else 1)
        encoder = load_encoder(replace(job.options.encoder, device=job.device))
        writer = open_writer(job.out, job.options, encoder)
        with (
            StopRequest(job.options.grace, job.options.max_minutes) as stop,
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            RunMeter(Progress(nowhere), job.options.log_file, Told(told.put)) as meter,
        ):
            run_shards(job.plans, job.clips, Stages(encoder, writer, job.options, stop, meter))
    except EmiError as error:
        told.put(("error", str(error)))
        raise SystemExit(1) from None


def _end_with(parent: BaseProcess | None) -> None:
    """Stop in order when the process that started this one is gone, killed for example."""

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
