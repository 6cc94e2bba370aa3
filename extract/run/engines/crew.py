"""What is done with what the workers of a run say: shards given out, clips counted, reasons remembered."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from cache.common.errors import EmiError
from extract.run.engines.supply import ShardServer
from extract.run.engines.worker import Message
from extract.run.progress import RunMeter


class Crew:
    """The workers of a run by their names; the engine carries their messages.

    Attributes:
        server: gives the shards out.
        reasons: worker → why it ended, as it said itself.
        places: worker → host and process id, once it has started.

    Args:
        server: gives the shards out.
        meter: of the run.
        with_phases: whether what the workers wait for counts as the run's: where this process makes no shards.
    """

    def __init__(self, server: ShardServer, meter: RunMeter, *, with_phases: bool = False) -> None:
        self.server = server
        self.reasons: dict[str, str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        self._meter, self._with_phases = meter, with_phases

    def hear(self, worker: str, message: Message) -> Message | None:
        """Take a worker's message; return the answer, if it is to have one."""
        kind, *values = message
        if kind == "take":
            assignment = self.server.take(worker)
            return None if assignment is None else tuple(assignment), self.server.is_finished
        if kind == "error":
            self.reasons[worker] = values[0]
        elif kind == "started":
            self.places[worker] = values[0], values[1]
        elif kind in ("done", "held"):
            getattr(self.server, kind)(worker, values[0])
        elif kind != "phases" or self._with_phases:
            self._count(kind, values)
        return None

    def _count(self, kind: str, values: list[Any]) -> None:
        with suppress(EmiError):  # a log that cannot be written must not leave a worker unheard
            self._meter.receive(kind, *values)


def how_it_died(code: int) -> str:
    """Say what an exit code means of a worker that said nothing."""
    if code == -signal.SIGKILL:
        return "killed, as the system does when memory runs out"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}"
