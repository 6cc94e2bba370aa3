"""The fits of a study: every row, seed and fold as a job, done in processes that share the features."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import clock
from train.config import FitConfig
from train.errors import LabelError
from train.features.batches import MEMORY_SHARE, FrameBank
from train.features.inputs import choose_inputs
from train.features.streams import stream_config
from train.files import lock_folder, make_folder
from train.fitting.fit import SharedFit, fit
from train.fitting.refresh import refresh
from train.fitting.start import Bank, takes_frames
from train.fitting.task import plan_fit
from train.fitting.write_run import FitInputs
from train.labels.coverage import cached, is_compact, opened
from train.labels.tables import Labels, Splits
from train.machine import choose_device, free_memory
from train.runs.claim import is_finished
from train.runs.tracking.follow import tell_run
from train.streams.arguments import CachePlace
from train.streams.stream_set import Source, readers_of
from train.studies.claim_folder import STUDY, TABLES, claim_folder, require_same_kind
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.parts import Part, Parts, kept
from train.studies.processes import run_all
from train.studies.streams.sources import sharing, with_subsets

RUNS = "runs"  # folder of the fits whose scores count


@dataclass(frozen=True)
class Job:
    """One fit of a study: a row with a seed, on a part."""

    row: Row
    config: FitConfig
    out: Path
    part: Part


@dataclass(frozen=True)
class StudyContext:
    """What all fits of a study share.

    Attributes:
        readers: caches, or sets of streams, by the names that rows have for them.
        parts: labels of the clips that all caches hold.
        out: folder of the study.
        workers: processes at once.
        progress: where to report.
    """

    readers: Mapping[str, Source]
    parts: Parts
    out: Path
    workers: int
    progress: Progress

    def fit_all(self, jobs: Sequence[Job], until: float = math.inf) -> bool:
        """Do every fit that is not finished yet, cache by cache; return whether all are done.

        A folder's name tells neither labels nor cache, so that each one is compared with its job first.

        Args:
            jobs: the fits.
            until: when to end at the latest, by ``time.monotonic``; a fit that is not done then goes on next time.

        Raises:
            RunError: if a job's folder holds another fit; nothing is fitted then.
        """
        left = [job for job in jobs if not self._is_finished(job)]
        for names in sharing(self.readers):
            mine = [job for job in left if job.row.cache in names]
            if mine and not self._fit_together(mine, until):
                return False
        return True

    def _is_finished(self, job: Job) -> bool:
        if not job.out.exists():  # the plan of a folder that is not there is made once, by its fit
            return False
        reader = self.readers[job.row.cache]
        task = plan_fit(reader, job.part.labels, job.config)
        if not is_finished(job.out, task.identity, replaceable=False):
            return False
        refresh(job.out, FitInputs(reader, job.part.labels, task))
        self._tell(job)
        return True

    def _tell(self, job: Job) -> None:
        """Tell the tracker around of a finished fit, unless it only chose something."""
        if job.out.is_relative_to(self.out / RUNS):
            tell_run(job.out)

    def _fit_together(self, jobs: Sequence[Job], until: float) -> bool:
        """Do fits that share one copy of the frames; return whether all are done."""
        labels = [part.labels for part in dict.fromkeys(job.part for job in jobs)]
        fits = [(self.readers[job.row.cache], job.config) for job in jobs]
        bank = shared_bank(fits, labels, self.progress)
        # The command audits once, for all; the tracker hears of fits here, one after the other.
        shared = SharedFit(bank, pictures=False, audited=True, followed=False)
        quiet, started, ended = Quiet(), time.perf_counter(), 0
        devices = {choose_device(config.device, compact=is_compact(reader)).type for reader, config in fits}

        def work(position: int) -> None:
            job = jobs[position]
            fit(
                self.readers[job.row.cache],
                job.part.labels,
                job.config,
                job.out,
                progress=quiet,
                shared=shared,
            )

        def done(position: int) -> None:
            nonlocal ended
            ended += 1
            job, spent = jobs[position], time.perf_counter() - started
            self._tell(job)
            left = clock(spent / ended * (len(jobs) - ended))
            where = [self.parts.spoken(job.part), job.out.relative_to(self.out).as_posix()]
            said = "  ".join(filter(None, where))
            self.progress.line(f"{ended}/{len(jobs)} fits  {clock(spent)}  ETA {left}  {said}")

        for reader in self.readers.values():
            reader.close()  # each process opens its own files
        workers = 0 if "cuda" in devices else self.workers
        return run_all([str(job.out) for job in jobs], work, workers, done, until)


def filled_bank(
    reader: Source, labels: Sequence[Splits], configs: Sequence[FitConfig], progress: Progress
) -> Bank:
    """Load the frames that some fits need, if they fit: of all their clips, once, for processes to share.

    Args:
        reader: the cache, or those of several streams.
        labels: of the fits; folds have the same clips.
        configs: of the fits.
        progress: where to report.
    """
    return shared_bank([(reader, config) for config in configs], labels, progress)


def shared_bank(
    fits: Sequence[tuple[Source, FitConfig]], labels: Sequence[Splits], progress: Progress
) -> Bank:
    """Load the frames that fits need as ``filled_bank`` does, where they are of one cache, or of the same streams.

    Args:
        fits: the source of each, all of one group of ``sharing``, and its config.
        labels: of the fits; folds have the same clips.
        progress: where to report.
    """
    first = fits[0][0]
    parts = [cached(part, first) for each in labels for part in (each.train, each.valid)]
    clips = tuple(dict.fromkeys(clip for part in parts for clip in part.clip_ids))
    if isinstance(first, CacheReader):
        return _filled(first, clips, [config for _, config in fits], progress)
    banks = {}
    for name, each in first.among.items():
        configs = [config for reader, config in fits if name in readers_of(reader)]
        own = [stream_config(config, name, each) for config in configs]
        pairs = zip(own, configs, strict=True)  # a fusion may take frames that no temporal model does
        own = [replace(mine, lstm=mine.lstm or takes_frames(config)) for mine, config in pairs]
        banks[name] = _filled(each, tuple(clip for clip in clips if clip in each), own, progress)
    return banks


def _filled(
    reader: CacheReader, clips: tuple[str, ...], configs: Sequence[FitConfig], progress: Progress
) -> FrameBank:
    """Load the frames of one cache that some fits need, if they fit."""
    bank = FrameBank(reader, clips)
    needing = [each for each in configs if each.lstm or each.describes_frames]
    names = {name for each in needing for name in choose_inputs(reader, each.layer, each.vad).fields}
    if names and bank.num_bytes(sorted(names)) <= free_memory() * MEMORY_SHARE:
        bank.frames(
            sorted(names),
            lambda done, total: progress.update(lambda: f"reading features  {done}/{total} clips"),
        )
    return bank


@contextmanager
def study_context(
    caches: Mapping[str, CachePlace], parts: Parts, rows: Sequence[Row], options: StudyOptions
) -> Iterator[StudyContext]:
    """Open the caches, take the study's folder, and keep the clips that all caches hold, or all sets of streams.

    Raises:
        ConfigError: if a row does not fit its cache; no table of a fold is written then.
        LabelError: if the caches have no labelled clip in common.
        RunError: if the folder holds anything else than this study, or another process is at work in it.
    """
    out = options.out
    with ExitStack() as stack:
        missing = rows[0].config.missing  # the same in all
        given = {name: stack.enter_context(opened(path, missing)) for name, path in caches.items()}
        readers = with_subsets(given, [row.cache for row in rows])
        claim_folder(out, STUDY)
        require_same_kind(out, STUDY, folds=parts.are_folds)
        for row, part in product(rows, parts.all if parts.are_folds else ()):
            part.require_plan(readers[row.cache], row.config)
        make_folder(out)
        stack.enter_context(lock_folder(out))
        progress = Progress()
        stack.callback(progress.close)
        parts = kept(parts, out / TABLES)
        if len(given) > 1:
            parts = parts.changed(lambda labels: _common(labels, readers))
        yield StudyContext(readers, parts, out, options.workers, progress)


def _common(labels: Splits, readers: Mapping[str, Source]) -> Splits:
    train, valid = (cached_everywhere(part, readers) for part in (labels.train, labels.valid))
    return replace(labels, train=train, valid=valid)


def cached_everywhere(labels: Labels, readers: Mapping[str, Source]) -> Labels:
    """Return the labels of the clips that every cache holds.

    Raises:
        LabelError: if there is none.
    """
    for reader in readers.values():
        labels = cached(labels, reader)
    if not labels.clip_ids:
        raise LabelError(f"{labels.path}: none of its clips is in every cache ({', '.join(readers)})")
    return labels


class Quiet(Progress):
    """Says nothing: many fits at once would talk over each other."""

    def update(self, text: object) -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""
