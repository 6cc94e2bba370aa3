"""Gives out the shards of a run one by one, each with its clips alone, and again when whoever had one is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cache.commit.partition import ShardPlan

POLL_SECONDS = 0.5  # between two looks at a shard that another run holds, or another worker may lose


class Assignment(NamedTuple):
    """A shard to be made, and its clips by id: all that a worker needs to know of the source."""

    shard: ShardPlan
    clips: Mapping[str, Any]


class ShardSupply(Protocol):
    """What a worker's loop asks for its shards; one loop uses one."""

    def take(self) -> Assignment | None:
        """Return the next shard; None when there is none to be had at this moment."""

    def done(self, shard: ShardPlan) -> None:
        """Say that a shard is committed, by whomever, or that nothing came of its clips."""

    def held(self, shard: ShardPlan) -> None:
        """Say that another run holds a shard: it is given out again a moment later."""

    def wait(self) -> bool:
        """Wait a moment for shards that others have; False once every shard is done."""


class ShardServer:
    """The shards of a run, and who has which; threads may share it.

    Nothing depends on it for being right: a shard that two workers do is committed once all the same.
    """

    def __init__(self, shards: Sequence[ShardPlan], clips: Mapping[str, Any]) -> None:
        self._clips = clips
        self._ready = deque(shards)
        self._held: deque[tuple[float, ShardPlan]] = deque()  # with when they may be tried again
        self._given: dict[str, dict[str, ShardPlan]] = {}  # worker → shards by name
        self._lock = threading.Lock()

    def take(self, worker: str) -> Assignment | None:
        """Give a worker the next shard, if there is one now."""
        with self._lock:
            if not self._ready and self._held and self._held[0][0] <= time.monotonic():
                self._ready.append(self._held.popleft()[1])
            if not self._ready:
                return None
            shard = self._ready.popleft()
            self._given.setdefault(worker, {})[shard.name] = shard
        return Assignment(shard, {clip_id: self._clips[clip_id] for clip_id in shard.planned})

    def done(self, worker: str, name: str) -> None:
        """Take note that a worker's shard needs no more work."""
        with self._lock:
            self._given.get(worker, {}).pop(name, None)

    def held(self, worker: str, name: str) -> None:
        """Take a shard back that another run holds."""
        with self._lock:
            shard = self._given.get(worker, {}).pop(name, None)
            if shard is not None:
                self._held.append((time.monotonic() + POLL_SECONDS, shard))

    def lost(self, worker: str) -> list[ShardPlan]:
        """Take back what a worker had that works no more; others get it first. Return which shards these are."""
        with self._lock:
            shards = list(self._given.pop(worker, {}).values())
            self._ready.extendleft(reversed(shards))
        return shards

    def give_up(self, name: str) -> list[ShardPlan]:
        """Give a shard out no more; return it if it was waiting for somebody."""
        with self._lock:
            given_up = [shard for shard in self._ready if shard.name == name]
            self._ready = deque(shard for shard in self._ready if shard.name != name)
        return given_up

    @property
    def is_finished(self) -> bool:
        """Whether every shard is done."""
        with self._lock:
            return not (self._ready or self._held or any(self._given.values()))


class OwnSupply:
    """The supply of a worker that runs in the process of its server."""

    def __init__(self, server: ShardServer, worker: str = "this process") -> None:
        self._server, self._worker = server, worker

    def take(self) -> Assignment | None:
        """Return the next shard, if there is one now."""
        return self._server.take(self._worker)

    def done(self, shard: ShardPlan) -> None:
        """Pass it on."""
        self._server.done(self._worker, shard.name)

    def held(self, shard: ShardPlan) -> None:
        """Pass it on."""
        self._server.held(self._worker, shard.name)

    def wait(self) -> bool:
        """Wait a moment; False once every shard is done."""
        if self._server.is_finished:
            return False
        time.sleep(POLL_SECONDS)
        return True


class ClipsAtHand(dict[str, Any]):
    """The clips of the shards that a loop has taken and not finished, by id; a clip may stand in two of them."""

    def __init__(self) -> None:
        super().__init__()
        self._uses: Counter[str] = Counter()

    def add(self, clips: Mapping[str, Any]) -> None:
        """Know the clips of a shard that was taken."""
        self._uses.update(clips.keys())
        self.update(clips)

    def drop(self, clip_ids: Mapping[str, Any]) -> None:
        """Forget the clips of a shard that is finished."""
        for clip_id in clip_ids:
            self._uses[clip_id] -= 1
            if not self._uses[clip_id]:
                del self._uses[clip_id], self[clip_id]
