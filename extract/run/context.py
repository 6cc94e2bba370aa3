"""What a run carries through every step: encoder, writer, options, the wish to stop, and the meter."""

from __future__ import annotations

from dataclasses import dataclass

from cache.commit.failures import Failure
from cache.writer import CacheWriter
from extract.encoders.base import Encoder
from extract.options import ExtractOptions
from extract.run.progress import RunMeter
from extract.run.stopping import StopRequest


@dataclass(frozen=True)
class RunContext:
    """What the loop needs in every step.

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

    def batch_seconds(self) -> float:
        """Return the padded seconds a batch may have now [s]."""
        chosen = self.options.batch_seconds
        suits = self.encoder.batch_seconds if chosen is None else chosen
        return min(suits, self.encoder.memory_seconds)

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be cached, in the ledger and the log."""
        self.writer.fail(failure)
        self.meter.failed(failure)
