"""What travels to a worker: a run in values that mean the same on another machine, and the device it works on."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cache.commit.leases import LEASE_SECONDS
from cache.common.storage.url_path import UrlPath, is_url
from extract.errors import ExtractError
from extract.options import EngineOptions
from extract.run.progress import RunMeter
from extract.run.shards.work import ShardWork
from extract.run.stopping import StopRequest


class RunOptions(Protocol):
    """What the engines ask of a run's options, whatever it makes.

    Attributes:
        engine: who does the work.
        grace: seconds a stop signal waits for the shard in progress.
        max_minutes: stop in order after so many minutes.
    """

    @property
    def engine(self) -> EngineOptions: ...  # noqa: D102
    @property
    def grace(self) -> float: ...  # noqa: D102
    @property
    def max_minutes(self) -> float | None: ...  # noqa: D102


class WorkerRun(Protocol):
    """One run, as its workers get it.

    Attributes:
        out: what it writes.
        leases_in: where the leases on its shards lie.
        options: of the run.
        may_use_gpus: whether a worker on a GPU makes the same.
    """

    @property
    def out(self) -> Path: ...  # noqa: D102
    @property
    def leases_in(self) -> Path: ...  # noqa: D102
    @property
    def options(self) -> RunOptions: ...  # noqa: D102
    @property
    def may_use_gpus(self) -> bool: ...  # noqa: D102

    def is_begun(self) -> bool:
        """Say whether this machine sees what the run has begun to write."""

    def portable(self) -> WorkerRun:
        """Return it for another machine: no relative path, no log of its own."""

    def load(self, device: str, lease_seconds: float) -> Callable[[StopRequest, RunMeter], ShardWork]:
        """Load the encoder on ``cpu`` or ``cuda``; return what makes the loop's work of it.

        Raises:
            EmiError: it cannot be had here, or makes other values than what was begun.
        """


@dataclass(frozen=True)
class Job:
    """What a worker is to do; it loads its own encoder.

    Attributes:
        device: of its encoder.
        run: what it has a part in.
        sharing: workers that share the cores of its machine.
        lease_seconds: how long a lease of its lasts unless renewed.
    """

    device: str
    run: WorkerRun
    sharing: int = 1
    lease_seconds: float = LEASE_SECONDS


def require_begun(run: WorkerRun) -> None:
    """Raise ExtractError unless this machine sees what the run has begun."""
    if not run.is_begun():
        wanted = "the same endpoint and account" if is_url(run.out) else "a folder that all machines see"
        raise ExtractError(
            f"{run.out} has not been begun on {socket.gethostname()}: --out must be {wanted}"
            + (" in the environment of every machine" if is_url(run.out) else "")
        )


def absolute(path: Path) -> Path:
    """Return a path that means the same in whatever folder a process works; a URL does."""
    return path if isinstance(path, UrlPath) else Path(os.path.abspath(path))


def absolute_model(model: str) -> str:
    """Return a model's folder likewise; a hub id or the name of a built-in encoder is what it is."""
    folder = os.path.expanduser(model)
    return os.path.abspath(folder) if os.path.exists(folder) else model
