"""A run of transcribing, as its workers get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from extract.run.engines.job import absolute, absolute_model
from extract.run.progress import RunMeter
from extract.run.stopping import StopRequest
from extract.transcripts.asr.model_files import find_asr
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.padding import WINDOW_SECONDS
from extract.transcripts.asr.parts import Parts, parts_of
from extract.transcripts.asr.recogniser import Recogniser, recipe_of_asr
from extract.transcripts.asr.work import TranscribeWork
from extract.transcripts.table import recipe_path, require_same_recipe


@dataclass(frozen=True)
class TranscribeRun:
    """What the workers of such a run have in common: a ``WorkerRun``.

    Attributes:
        out: the table, which has been begun.
        options: of the run.
    """

    out: Path
    options: TranscribeOptions

    @property
    def leases_in(self) -> Path:
        """The folder of parts."""
        return parts_of(self.out)

    @property
    def may_use_gpus(self) -> bool:
        """Whether a GPU hears the same: it knows no less than 30 s of silence."""
        return self.options.padding >= WINDOW_SECONDS

    def is_begun(self) -> bool:
        """Say whether the folder of the table is here."""
        return recipe_path(self.out).exists() and self.leases_in.is_dir()

    def portable(self) -> TranscribeRun:
        """Return it for another machine; the media come with the shards."""
        options = replace(self.options, asr=absolute_model(self.options.asr), media=(), log_file=None)
        return TranscribeRun(absolute(self.out), options)

    def load(self, device: str, lease_seconds: float) -> Callable[[StopRequest, RunMeter], TranscribeWork]:
        """Load the recogniser; see ``WorkerRun``."""
        files = find_asr(self.options.asr, self.options.revision)
        recipe = recipe_of_asr(files, self.options, device)
        require_same_recipe(self.out, recipe)
        recogniser = Recogniser(files, recipe, self.options.language, device)
        parts = Parts(self.leases_in, lease_seconds)
        return partial(TranscribeWork, recogniser, parts, self.options)
