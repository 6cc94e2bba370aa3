"""The Ray cluster of a run: joined, or begun for this run alone; and how many workers it has room for."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cache.common.errors import reason_of
from extract.errors import ExtractError
from extract.options import EngineOptions
from extract.run.stopping import StopRequest

OBJECT_STORE_BYTES = (
    100_000_000  # of a cluster of our own: shards' clips pass through it, no sound, no features
)
CONNECT_SECONDS = 5.0
MISSING = (
    "--engine ray needs Ray: pip install 'emi-fusion[ray]', the same version on every machine of the cluster"
)


@dataclass(frozen=True)
class Layout:
    """How many workers a run has, and what each may use.

    Attributes:
        workers: how many.
        cpus: cores of each.
        gpus: of each; 0 where it works on the CPU.
    """

    workers: int
    cpus: int
    gpus: float

    @property
    def device(self) -> str:
        """Where a worker's encoder is; Ray shows each worker its own GPUs only."""
        return "cuda" if self.gpus else "cpu"


def load_ray() -> Any:
    """Return Ray; raises ExtractError, which says how to get it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that this ran
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # a worker without GPUs is told by its device
    try:
        ray = import_module("ray")
    except ImportError:
        raise ExtractError(MISSING) from None
    logging.getLogger("ray").setLevel(
        logging.ERROR
    )  # what it says besides is for those who look after clusters
    return ray


@contextmanager
def joined(address: str | None, stop: StopRequest) -> Iterator[Any]:
    """Be connected to a cluster; one that somebody has joined in this process already is used and left as it is.

    Args:
        address: see ``EngineOptions``.
        stop: takes the signals that Ray would take for its own.

    Raises:
        ExtractError: there is no Ray, or no cluster at the address.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    where, named = (
        address or os.environ.get("RAY_ADDRESS") or "local",
        "--address" if address else "RAY_ADDRESS",
    )
    _require_answer(where, named)
    own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES} if where == "local" else {}
    try:
        ray.init(address=where, log_to_driver=False, configure_logging=False, **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise ExtractError(
            f"{named} {where}: no Ray cluster could be joined ({reason_of(error)}); begin one with ray start "
            "--head, or leave --address out"
        ) from None
    finally:
        stop.listen_again()
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield ray  # which tells of machines that die on stdout, where results belong
    finally:
        ray.shutdown()


def _require_answer(where: str, named: str) -> None:
    """Raise ExtractError unless somebody listens at ``HOST:PORT``: Ray itself would try for minutes."""
    if where in ("local", "auto"):
        return
    host, colon, port = where.rpartition(":")
    if "/" in where or "@" in where or not colon or not port.isdecimal():
        shown = f"…@{where.rpartition('@')[2]}" if "@" in where else where
        raise ExtractError(
            f"{named}: found {shown}, expected auto or HOST:PORT; run on a machine that sees the cache's folder"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ExtractError(
            f"{named} {where}: nobody answers there ({reason_of(error)}); is the cluster up?"
        ) from None


def layout(nodes: Sequence[dict[str, Any]], chosen: EngineOptions, *, may_use_gpus: bool) -> Layout:
    """Return how many workers to have, and how large.

    Args:
        nodes: what ``ray.nodes()`` says.
        chosen: what the user chose of it.
        may_use_gpus: whether a worker has anything to do on a GPU.

    Raises:
        ExtractError: no machine of the cluster has room for one.
    """
    rooms = [
        (node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in nodes
        if node["Alive"]
    ]
    has_gpus = may_use_gpus and any(gpus for _, gpus in rooms)
    gpus = float(has_gpus) if chosen.gpus_per_worker is None else chosen.gpus_per_worker
    usable = [(cpus, there) for cpus, there in rooms if cpus >= 1 and there >= gpus]
    if gpus:
        workers = chosen.workers or sum(int(there / gpus) for _, there in usable)
        shares = [int(cpus / int(there / gpus)) for cpus, there in usable]
    else:
        workers = chosen.workers or len(usable)
        a_machine = -(-workers // max(1, len(usable)))
        shares = [int(cpus / a_machine) for cpus, _ in usable]
    cpus = chosen.cpus_per_worker or max(1, min(shares, default=1))
    if not any(room >= cpus for room, _ in usable):
        found = "; ".join(f"{room:g} CPUs and {there:g} GPUs" for room, there in rooms) or "no machine"
        raise ExtractError(
            f"--engine ray: no machine has room for a worker of {cpus} CPUs and {gpus:g} GPUs, found {found}; "
            "choose --cpus-per-worker and --gpus-per-worker"
        )
    return Layout(workers, cpus, gpus)
