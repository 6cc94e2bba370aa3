"""Ablation: every row of a grid fitted with every seed, side by side, on the same clips.

    OUT/runs/<row>/seed-<n>/   one run folder for each fit, the same as if it had been fitted alone
    OUT/tuning/<row>/<lr>/     fits that chose the learning rate, with ``--tune lr``; of --tune all its trials
    OUT/results.json, truth.csv

Of folds, each row has a folder ``fold-<n>`` with one run a seed, and the folds' labels are in OUT/folds.
Stopped at any instant, the same command goes on: a finished fit is not repeated, an unfinished one continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from train.fitting.begun import older, say_older
from train.fitting.task import plan_fit
from train.labels.tables import Splits
from train.runs.run_folder import load_run
from train.streams.arguments import CachePlace
from train.studies.caption import caption
from train.studies.grid import Row
from train.studies.jobs import RUNS, Job, StudyContext, cached_everywhere, study_context
from train.studies.options import StudyOptions
from train.studies.parts import Parts, whole
from train.studies.study import RowResult, Study, reported, row_result, save_study
from train.studies.tuning.rates import rates_to_try, tuned
from train.studies.tuning.search import require_searchable, searched


def ablate(
    caches: Mapping[str, CachePlace],
    labels: Splits | Parts,
    rows: Sequence[Row],
    options: StudyOptions,
) -> Study:
    """Fit every row with every seed, and of folds on each, and return the study they make.

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
    if options.tune:  # before anything is written
        rates_to_try(rows)
    if options.search:
        require_searchable(rows)
    with study_context(caches, whole(labels), rows, options) as context:
        return run_study(context, rows, options)


def run_study(context: StudyContext, rows: Sequence[Row], options: StudyOptions) -> Study:
    """Fit rows × folds × seeds in a prepared context, and save the study."""
    rows, parts, seeds = rows_as_begun(context, rows), context.parts, options.seeds
    for row in rows:  # before the first hour of fitting, not after it
        for part in parts.all:
            plan_fit(context.readers[row.cache], part.labels, row.config)
    tried = rates_to_try(rows) if options.tune else ()
    fitted = _chosen(context, rows, options, tried)
    jobs = {
        row.name: [
            Job(mine, mine.with_seed(seed), context.out / RUNS / mine.slug / name / f"seed-{seed}", part)
            for part in parts.all
            for name, mine in [(part.name, fitted[row.name, part.name])]
            for seed in seeds
        ]
        for row in rows
    }
    context.fit_all([job for mine in jobs.values() for job in mine])
    valid = [cached_everywhere(part.labels.valid, context.readers) for part in parts.all]
    as_fitted, clips = list(fitted.values()), sum(map(len, valid))
    study = Study(
        path=context.out,
        rows=tuple(_row_of(context, jobs[row.name]) for row in rows),
        reference=rows[0].name,
        metric=rows[0].config.metric,
        caption=caption(context.readers.values(), clips, as_fitted, len(seeds), tried, parts),
        selected_on=load_run(jobs[rows[0].name][0].out).metrics["selected_on"],
        tuned=options.tune or options.search is not None,
        **reported(valid, parts),
    )
    save_study(study)
    return study


def _chosen(
    context: StudyContext, rows: Sequence[Row], options: StudyOptions, rates: Sequence[float]
) -> dict[tuple[str, str], Row]:
    """Return each row on each part as it is to be fitted, by the names of both."""
    if options.search is not None:
        return searched(context, rows, options.search)
    return tuned(context, rows, rates) if options.tune else _given(rows, context.parts, options.rates)


def _given(
    rows: Sequence[Row], parts: Parts, rates: Mapping[str, Sequence[float]]
) -> dict[tuple[str, str], Row]:
    """Return each row on each part, by the names of both, with the learning rates that were chosen before."""
    found = {}
    for row in rows:
        own = rates.get(row.name) or [row.config.lr] * len(parts.all)
        for part, rate in zip(parts.all, own, strict=True):
            found[row.name, part.name] = replace(row, config=replace(row.config, lr=rate))
    return found


def _row_of(context: StudyContext, jobs: Sequence[Job]) -> RowResult:
    """Return what the finished fits of a row came to; of learning rates that differ between folds, all."""
    row = jobs[0].row
    made = row_result(
        row.name,
        row.config.to_dict(),
        context.readers[row.cache].path,
        context.out,
        [job.out for job in jobs],
    )
    rates = {job.part.name: job.config.lr for job in jobs}
    return replace(made, rates=tuple(rates.values())) if len(set(rates.values())) > 1 else made


def rows_as_begun(context: StudyContext, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows with the schedule under which their study was begun: the same for all of them."""
    before = [replace(row, config=older(row.config)) for row in rows]
    for was, row in zip(before, rows, strict=True):
        for folder in (context.out / RUNS / was.slug, context.out / "tuning" / was.slug):
            if was.slug != row.slug and folder.exists():
                say_older(context.out, context.progress)
                return before
    return rows
