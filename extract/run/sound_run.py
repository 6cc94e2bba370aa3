"""A run from sound to a cache, as its workers get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cache.format import catalog
from extract.encoders.lookup import load_encoder
from extract.encoders.registry import BUILT_IN
from extract.options import ExtractOptions
from extract.run.context import RunContext
from extract.run.engines.job import absolute, absolute_model
from extract.run.opening import open_writer
from extract.run.progress import RunMeter
from extract.run.stopping import StopRequest


@dataclass(frozen=True)
class SoundRun:
    """What the workers of such a run have in common: a ``WorkerRun``.

    Attributes:
        out: the cache, which has been begun.
        options: of the run.
    """

    out: Path
    options: ExtractOptions

    @property
    def leases_in(self) -> Path:
        """The cache."""
        return self.out

    @property
    def may_use_gpus(self) -> bool:
        """Whether the encoder has anything to do on a GPU."""
        return self.options.encoder.model not in BUILT_IN

    def is_begun(self) -> bool:
        """Say whether the cache is here."""
        return (self.out / catalog.DESCRIPTION).exists()

    def portable(self) -> SoundRun:
        """Return it for another machine; the media come with the shards."""
        options = self.options
        encoder = replace(options.encoder, model=absolute_model(options.encoder.model))
        like = absolute(options.like) if options.like else None
        options = replace(options, encoder=encoder, like=like, media=(), log_file=None)
        return SoundRun(absolute(self.out), options)

    def load(self, device: str, lease_seconds: float) -> Callable[[StopRequest, RunMeter], RunContext]:
        """Load the encoder and open the cache; see ``WorkerRun``."""
        encoder = load_encoder(replace(self.options.encoder, device=device))
        writer = open_writer(self.out, self.options, encoder)
        writer.lease_seconds = lease_seconds
        return partial(RunContext, encoder, writer, self.options)
