"""What the loop over shards asks of the kind of run it serves, such as sound to a cache or sound to words."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from cache.commit.failures import Failure
from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from extract.errors import ClipError
from extract.run.progress import CommittedShard, RunMeter
from extract.run.stopping import StopRequest


class Clip(Protocol):
    """A clip of whatever source.

    Attributes:
        clip_id: its id.
        shown: where it came from, for messages and the ledger of failures.
    """

    @property
    def clip_id(self) -> str: ...  # noqa: D102
    @property
    def shown(self) -> str: ...  # noqa: D102


class Finished(Protocol):
    """What came of a clip and may be committed."""

    @property
    def clip_id(self) -> str: ...  # noqa: D102


class ShardWriter(Protocol):
    """Where shards are committed; each whole or not at all, by whoever holds its lease."""

    def lease(self, plan: ShardPlan) -> Lease | None:
        """Return a lease on a shard to be made, or None while another writer holds it."""

    def is_committed(self, plan: ShardPlan) -> bool:
        """Say whether somebody has committed this shard by now."""

    def commit(self, clips: Sequence[Any], plan: ShardPlan) -> CommittedShard | None:
        """Commit what came of a shard's clips; None when there is none to commit."""


Loaded = Generator[tuple[Any, Any], None, None]
"""Clips, each with what is to be encoded of it, or with the ``ClipError`` that says why there is nothing."""


class ShardWork(Protocol):
    """One kind of run.

    Attributes:
        writer: where shards go.
        stop: whether a stop is asked for.
        meter: counts and shows what is done.
        workers: threads that read ahead.
        equal_lengths: whether a batch may only hold clips of one length.
    """

    @property
    def writer(self) -> ShardWriter: ...  # noqa: D102
    @property
    def stop(self) -> StopRequest: ...  # noqa: D102
    @property
    def meter(self) -> RunMeter: ...  # noqa: D102
    @property
    def workers(self) -> int: ...  # noqa: D102
    @property
    def equal_lengths(self) -> bool: ...  # noqa: D102

    def read_ahead(
        self, plans: Iterable[ShardPlan], clips: Mapping[str, Any], pool: ThreadPoolExecutor
    ) -> Loaded:
        """Yield every clip of the shards, shard by shard, with what is to be encoded of it."""

    def num_samples(self, item: Any) -> int:
        """Return how long a clip is, for batches and for what is shown [samples at 16 kHz]."""

    def batch_seconds(self) -> float:
        """Return the padded seconds a batch may have now [s]."""

    def encode(self, items: Sequence[Any]) -> Sequence[Any]:
        """Encode clips together; raises ClipError or MemoryError if that cannot be."""

    def finish(self, clip: Any, item: Any, encoded: Any) -> Finished | Failure:
        """Return what may be committed of a clip, or why nothing may."""

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be done."""


def refusal(clip: Clip, stage: str, error: ClipError) -> Failure:
    """Return the entry of the ledger for a clip that could not be done."""
    return Failure(clip.clip_id, clip.shown, stage, error.reason, str(error))
