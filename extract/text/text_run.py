"""A run from transcripts to a cache, as its workers get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.format import catalog
from cache.shards.registry import DEFAULT
from cache.writer import CacheWriter
from extract.run.engines.job import absolute, absolute_model
from extract.run.progress import RunMeter
from extract.run.stopping import StopRequest
from extract.text.describe import LICENCE, TextModel, describe
from extract.text.options import TextOptions
from extract.text.work import TextWork


@dataclass(frozen=True)
class TextRun:
    """What the workers of such a run have in common: a ``WorkerRun``.

    Attributes:
        out: the cache, which has been begun.
        options: of the run.
        transcripts: how they were made, for the recipe.
    """

    out: Path
    options: TextOptions
    transcripts: Any
    may_use_gpus: bool = True

    @property
    def leases_in(self) -> Path:
        """The cache."""
        return self.out

    def is_begun(self) -> bool:
        """Say whether the cache is here."""
        return (self.out / catalog.DESCRIPTION).exists()

    def portable(self) -> TextRun:
        """Return it for another machine; the transcripts come with the shards."""
        options = replace(self.options, model=absolute_model(self.options.model), words=None, log_file=None)
        return replace(self, out=absolute(self.out), options=options)

    def load(self, device: str, lease_seconds: float) -> Callable[[StopRequest, RunMeter], TextWork]:
        """Load the encoder and open the cache; see ``WorkerRun``."""
        options = replace(self.options, device=device)
        model = describe(options, self.transcripts)
        writer = open_text_writer(self.out, options, model)
        writer.lease_seconds = lease_seconds
        encoder = model.load()

        def begin(stop: StopRequest, meter: RunMeter) -> TextWork:
            return TextWork(encoder, model.tokenizer, writer, options.batch_tokens, stop, meter)

        return begin


def open_text_writer(out: Path, options: TextOptions, model: TextModel) -> CacheWriter:
    """Make the cache, or continue one of the same recipe.

    Raises:
        RecipeMismatchError: the folder holds a cache of another recipe.
    """
    return CacheWriter.open(
        out,
        model.recipe,
        model.fields,
        store=options.store or DEFAULT,
        shard_mb=options.shard_mb,
        licence=LICENCE,
    )
