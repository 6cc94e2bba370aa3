"""Ablation: every row of a grid fitted with every seed, side by side, on the same clips.

    OUT/runs/<row>/seed-<n>/   one run folder for each fit, the same as if it had been fitted alone
    OUT/tuning/<row>/<lr>/     fits that chose the learning rate, with ``--tune lr``
    OUT/results.json, truth.csv

Stopped at any instant, the same command goes on: a finished fit is not repeated, an unfinished one continues.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import clock
from train.config import FitConfig
from train.errors import ConfigError, LabelError
from train.features.batches import MEMORY_SHARE, FrameBank
from train.features.inputs import choose_inputs
from train.files import lock_folder, make_folder
from train.fitting.begun import older, say_older
from train.fitting.fit import SharedFit, fit
from train.fitting.refresh import refresh
from train.fitting.task import plan_fit
from train.fitting.write_run import FitInputs
from train.labels.coverage import cached, is_compact
from train.labels.tables import Labels, Splits
from train.machine import choose_device, free_memory
from train.runs.claim import is_finished
from train.runs.run_folder import load_run
from train.studies.caption import caption
from train.studies.claim_folder import STUDY, claim_folder
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.processes import run_all
from train.studies.study import Study, reported, row_result, save_study

RATES = (3e-4, 1e-3, 3e-3)  # learning rates that ``--tune lr`` tries
TUNING_SEED = 0


@dataclass(frozen=True)
class Job:
    """One fit of a study."""

    row: Row
    config: FitConfig
    out: Path


@dataclass(frozen=True)
class StudyContext:
    """What all fits of a study share.

    Attributes:
        readers: caches by name.
        labels: of the clips that all caches hold.
        out: folder of the study.
        workers: processes at once.
        progress: where to report.
    """

    readers: Mapping[str, CacheReader]
    labels: Splits
    out: Path
    workers: int
    progress: Progress

    def fit_all(self, jobs: Sequence[Job]) -> None:
        """Do every fit that is not finished yet, cache by cache.

        A folder's name tells neither labels nor cache, so that each one is compared with its job first.

        Raises:
            RunError: if a job's folder holds another fit; nothing is fitted then.
        """
        left = [job for job in jobs if not self._is_finished(job)]
        for name, reader in self.readers.items():
            mine = [job for job in left if job.row.cache == name]
            if mine:
                self._fit_on(reader, mine)

    def _is_finished(self, job: Job) -> bool:
        if not job.out.exists():  # the plan of a folder that is not there is made once, by its fit
            return False
        reader = self.readers[job.row.cache]
        task = plan_fit(reader, self.labels, job.config)
        if not is_finished(job.out, task.identity, replaceable=False):
            return False
        refresh(job.out, FitInputs(reader, self.labels, task))
        return True

    def _fit_on(self, reader: CacheReader, jobs: Sequence[Job]) -> None:
        bank = self._bank(reader, jobs)
        shared = SharedFit(bank, pictures=False, audited=True)  # the command audits once, for all
        quiet, started, ended = _Quiet(), time.perf_counter(), 0
        cuda = choose_device(jobs[0].config.device, compact=is_compact(reader)).type == "cuda"

        def work(position: int) -> None:
            job = jobs[position]
            fit(reader, self.labels, job.config, job.out, progress=quiet, shared=shared)

        def done(position: int) -> None:
            nonlocal ended
            ended += 1
            spent = time.perf_counter() - started
            left = clock(spent / ended * (len(jobs) - ended))
            where = jobs[position].out.relative_to(self.out).as_posix()
            self.progress.line(f"{ended}/{len(jobs)} fits  {clock(spent)}  ETA {left}  {where}")

        reader.close()  # each process opens its own files
        run_all([str(job.out) for job in jobs], work, 0 if cuda else self.workers, done)

    def _bank(self, reader: CacheReader, jobs: Sequence[Job]) -> FrameBank:
        """Load the frames that the rows need, if they fit: the processes share them."""
        bank = FrameBank(reader, plan_fit(reader, self.labels, jobs[0].config).clip_ids)
        configs = [job.config for job in jobs if job.config.lstm]
        names = {name for each in configs for name in choose_inputs(reader, each.layer, each.vad).fields}
        if names and bank.num_bytes(sorted(names)) <= free_memory() * MEMORY_SHARE:
            bank.frames(
                sorted(names),
                lambda done, total: self.progress.update(lambda: f"reading features  {done}/{total} clips"),
            )
        return bank


def ablate(
    caches: Mapping[str, Path],
    labels: Splits,
    rows: Sequence[Row],
    options: StudyOptions,
) -> Study:
    """Fit every row with every seed, and return the study they make.

    Args:
        caches: by the names that the rows use.
        labels: of the fits; with several caches, the clips that all of them hold are used.
        rows: the first one is what the others are compared with.
        options: seeds, processes, and the folder, which can be continued.

    Returns:
        The study, also in its folder.

    Raises:
        ConfigError: if a row does not fit its cache.
        LabelError: if labels and caches do not fit together.
        RunError: if the folder is in use, or a fit failed.
    """
    with study_context(caches, labels, options) as context:
        return run_study(context, rows, options.seeds, tune=options.tune)


def run_study(
    context: StudyContext, rows: Sequence[Row], seeds: Sequence[int], *, tune: bool = False
) -> Study:
    """Fit rows × seeds in a prepared context, and save the study."""
    rows = rows_as_begun(context, rows)
    for row in rows:  # before the first hour of fitting, not after it
        plan_fit(context.readers[row.cache], context.labels, row.config)
    tried = rates_to_try(rows) if tune else ()
    if tune:
        rows = tuned(context, rows, tried)
    folders = {row.name: [context.out / "runs" / row.slug / f"seed-{seed}" for seed in seeds] for row in rows}
    context.fit_all(
        [
            Job(row, row.with_seed(seed), folder)
            for row in rows
            for seed, folder in zip(seeds, folders[row.name], strict=True)
        ]
    )
    valid = _cached_everywhere(context.labels.valid, context.readers)
    results = [
        row_result(
            row.name, row.config.to_dict(), context.readers[row.cache].path, context.out, folders[row.name]
        )
        for row in rows
    ]
    study = Study(
        path=context.out,
        rows=tuple(results),
        reference=rows[0].name,
        metric=rows[0].config.metric,
        caption=caption(context.readers.values(), len(valid), rows, len(seeds), tried),
        selected_on=load_run(folders[rows[0].name][0]).metrics["selected_on"],
        tuned=tune,
        **reported(valid),
    )
    save_study(study)
    return study


def rows_as_begun(context: StudyContext, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows with the schedule under which their study was begun: the same for all of them."""
    before = [replace(row, config=older(row.config)) for row in rows]
    for was, row in zip(before, rows, strict=True):
        for folder in (context.out / "runs" / was.slug, context.out / "tuning" / was.slug):
            if was.slug != row.slug and folder.exists():
                say_older(context.out, context.progress)
                return before
    return rows


def rates_to_try(rows: Sequence[Row]) -> list[float]:
    """Return the learning rates that ``--tune lr`` tries for each row.

    Raises:
        ConfigError: if the rows are about learning rates themselves, or one chooses its epoch on anything but
            the inner part of the training clips.
    """
    for row in rows:
        if row.config.select != "inner":
            raise ConfigError(f"row {row.name!r}: --tune lr chooses on the inner part; use --select inner")
        # A grid of a single rate names it too.
        if row.config.lr != rows[0].config.lr or f"lr {row.config.lr}" in row.name:
            found = ", ".join(f"{rate:g}" for rate in sorted({each.config.lr for each in rows}))
            raise ConfigError(
                f"--tune lr: the grid sets lr itself (row {row.name!r}; {found}), and a tuned row would not be "
                "fitted with the rate it names; take lr out of the grid, or leave --tune out"
            )
    return sorted({*RATES, rows[0].config.lr})


def tuned(context: StudyContext, rows: Sequence[Row], rates: Sequence[float]) -> list[Row]:
    """Return the rows with the learning rate that scores best on the inner part of the training clips."""
    jobs = []
    for row in rows:
        for rate in rates:
            config = replace(row.config, lr=rate, seed=TUNING_SEED)
            jobs.append(Job(row, config, context.out / "tuning" / row.slug / f"lr-{rate:g}"))
    context.fit_all(jobs)
    chosen = []
    for row in rows:
        mine = [job for job in jobs if job.row is row]
        scores = [load_run(job.out).metrics["selection_score"] for job in mine]
        best = max(zip(scores, mine, strict=True), key=lambda pair: -2 if pair[0] is None else pair[0])[1]
        context.progress.line(f"{row.name}: lr {best.config.lr:g}")
        chosen.append(replace(row, config=replace(row.config, lr=best.config.lr)))
    return chosen


@contextmanager
def study_context(
    caches: Mapping[str, Path], labels: Splits, options: StudyOptions
) -> Iterator[StudyContext]:
    """Open the caches, keep the clips that all of them hold, and take the study's folder.

    Raises:
        LabelError: if the caches have no labelled clip in common.
        RunError: if the folder holds anything else than a study, or another process is at work in it.
    """
    out = options.out
    with ExitStack() as stack:
        readers = {name: stack.enter_context(CacheReader(path)) for name, path in caches.items()}
        claim_folder(out, STUDY)
        make_folder(out)
        stack.enter_context(lock_folder(out))
        progress = Progress()
        stack.callback(progress.close)
        if len(readers) > 1:
            train, valid = (_cached_everywhere(part, readers) for part in (labels.train, labels.valid))
            labels = Splits(train, valid, labels.files)
        yield StudyContext(readers, labels, out, options.workers, progress)


def _cached_everywhere(labels: Labels, readers: Mapping[str, CacheReader]) -> Labels:
    for reader in readers.values():
        labels = cached(labels, reader)
    if not labels.clip_ids:
        raise LabelError(f"{labels.path}: none of its clips is in every cache ({', '.join(readers)})")
    return labels


class _Quiet(Progress):
    """Says nothing: many fits at once would talk over each other."""

    def update(self, text: object) -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""
