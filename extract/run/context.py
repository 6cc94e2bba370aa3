"""What a run carries through every step: encoder, writer, options, the wish to stop, and the meter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from cache.commit.failures import Failure
from cache.commit.partition import ShardPlan
from cache.shards.arrays import ClipFeatures
from cache.writer import CacheWriter
from extract.audio.cut import Audio
from extract.audio.decode_ahead import decoded
from extract.encoders.base import Encoded, Encoder
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.finishing import finish
from extract.run.progress import RunMeter
from extract.run.shards.work import Loaded
from extract.run.stopping import StopRequest
from extract.sources.clips import SourceClip


@dataclass(frozen=True)
class RunContext:
    """What the loop needs in every step of a run from sound to a cache: a ``ShardWork``.

    Attributes:
        encoder: loaded.
        writer: of the cache.
        options: of the run.
        stop: whether a stop is asked for.
        meter: counts and shows what is done.
    """

    encoder: Encoder
    writer: CacheWriter
    options: ExtractOptions
    stop: StopRequest
    meter: RunMeter

    @property
    def workers(self) -> int:
        """Threads that decode ahead."""
        return self.options.workers

    @property
    def equal_lengths(self) -> bool:
        """Whether a batch may only hold clips of one length."""
        return self.encoder.equal_lengths

    def read_ahead(
        self, plans: Iterable[ShardPlan], clips: Mapping[str, SourceClip], pool: ThreadPoolExecutor
    ) -> Loaded:
        """Yield the clips of the shards, decoded; of those too short for a frame, that they are."""
        with closing(decoded(plans, clips, self.options.max_seconds, pool, self.options.rules)) as stream:
            for clip, item in stream:
                if isinstance(item, Audio) and not self.encoder.num_frames(len(item.samples)):
                    yield clip, _too_short(len(item.samples))
                else:
                    yield clip, item

    def num_samples(self, item: Audio) -> int:
        """Return the samples of a clip [16 kHz]."""
        return len(item.samples)

    def encode(self, items: Sequence[Audio]) -> list[Encoded]:
        """Encode clips together."""
        return self.encoder.encode([audio.samples for audio in items])

    def finish(self, clip: SourceClip, item: Audio, encoded: Encoded) -> ClipFeatures | Failure:
        """Return a clip's features as they may enter the cache, or why they must not."""
        return finish(clip, item, encoded, self.writer.fields)

    def batch_seconds(self) -> float:
        """Return the padded seconds a batch may have now [s]."""
        chosen = self.options.batch_seconds
        suits = self.encoder.batch_seconds if chosen is None else chosen
        return min(suits, self.encoder.memory_seconds)

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be cached, in the ledger and the log."""
        self.writer.fail(failure)
        self.meter.failed(failure)


def _too_short(count: int) -> ClipError:
    return ClipError("too_short", f"{count} samples at 16 kHz are too few for a frame of this encoder")
