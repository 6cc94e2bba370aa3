"""Baselines: simple models on a clip's length, loudness, means and statistics; alone, or below a study's rows.

A head that does not beat them has learned nothing in time. They predict the same clips as a study, so that
their differences from its reference are paired like all others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import counted
from train.checksums import finish_run
from train.config import FitConfig
from train.features.inputs import has_vad
from train.files import (
    CHECKSUMS_FILE,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    lock_folder,
    make_folder,
    write_json,
)
from train.fitting.task import Task, plan_fit
from train.labels.coverage import opened
from train.labels.missing import range_of
from train.labels.tables import Splits
from train.runs.submission import write_predictions
from train.scores.metrics import score_all
from train.streams.arguments import CachePlace
from train.streams.settings import StreamSettings
from train.streams.stream_set import Source, places_of, readers_of, recipe_ids
from train.studies.claim_folder import BASELINES, TABLES, claim_folder, require_same_kind
from train.studies.floor.models import FOLDS, MOST_CLIPS
from train.studies.floor.vectors import Baseline, all_baselines, reference_of
from train.studies.parts import Parts, kept, whole
from train.studies.study import RESULTS, Study, reported, row_result, save_study

FLOOR = "floor"  # folder of the baselines in that of a study
PREFIX = "baseline: "  # of their names among a study's rows
NO_VAD = "no vad in this cache, the baseline of it is left out"


def baseline(
    cache: CachePlace, labels: Splits | Parts, config: FitConfig, out: Path, tables: Path | None = None
) -> Study:
    """Fit every baseline, and return the study they make.

    Args:
        cache: path of a cache; of several streams those by name.
        labels: of the fits, a split or folds.
        config: its layer, metric, seed and coverage count; the rest does not matter here.
        out: folder of the study; one of baselines is written again.
        tables: folder of the folds' labels; None for one in ``out``.

    Returns:
        The study, also in ``out``.

    Raises:
        LabelError: if labels and cache do not fit together.
        RunError: if ``out`` holds something else.
    """
    progress, parts = Progress(), whole(labels)
    claim_folder(out, BASELINES)
    require_same_kind(out, BASELINES, folds=parts.are_folds)
    with opened(cache, config.missing) as reader:
        own = as_cached(config, reader)
        for part in parts.all:  # before anything is written
            plan_fit(reader, part.labels, own)
    make_folder(out)
    with opened(cache, config.missing) as reader, lock_folder(out):
        parts = kept(parts, tables or out / TABLES)
        make_folder(out / "baselines")
        (out / RESULTS).unlink(missing_ok=True)
        if isinstance(reader, CacheReader) and not has_vad(reader):
            progress.line(f"{reader.path}: {NO_VAD}")
        tasks = [plan_fit(reader, part.labels, own) for part in parts.all]
        at = {clip: number for number, clip in enumerate(dict.fromkeys(c for t in tasks for c in t.clip_ids))}
        rows = []
        for each in all_baselines(reader, list(at), own, progress):
            folder = out / "baselines" / _slug(each.name)
            for part, task in zip(parts.all, tasks, strict=True):
                mine = each._replace(columns=each.columns[[at[clip] for clip in task.clip_ids]])
                _write(folder / part.name, mine, task, reader, part.labels.origin)
            runs = [folder / part.name for part in parts.all]
            rows.append(row_result(each.name, {"model": each.model}, reader.path, out, runs))
            progress.line(f"{each.name}  {rows[-1].seconds:.1f} s")
        study = Study(
            path=out,
            rows=tuple(rows),
            reference=reference_of(reader),
            metric=config.metric,
            caption=_caption(reader, tasks, parts),
            selected_on="inner",
            **reported([task.valid for task in tasks], parts),
        )
        save_study(study)
    return study


def with_baselines(study: Study, cache: CachePlace, labels: Splits | Parts, config: FitConfig) -> Study:
    """Fit the baselines on a study's clips, and return the study with their rows below its own.

    Args:
        study: of an ablation.
        cache: the baselines' cache.
        labels: of the fits, a split or folds.
        config: of the study's first row; its layer, metric and seed count.

    Returns:
        The study with the baselines, also in its folder.
    """
    own = FitConfig(
        layer=config.layer,
        streams=layers_of(config),
        missing=config.missing,
        metric=config.metric,
        seed=config.seed,
        min_coverage=0.0,  # what the cache lacks was accepted before the rows were fitted
        select="last",  # every training clip is learned from
    )
    below = baseline(cache, labels, own, study.path / FLOOR, study.path / TABLES)
    added = [
        replace(row, name=PREFIX + row.name, runs=tuple(f"{FLOOR}/{run}" for run in row.runs))
        for row in below.rows
    ]
    whole = replace(study, rows=(*study.rows, *added))
    save_study(whole)
    return whole


def _slug(name: str) -> str:
    """Return the folder of a baseline by its name."""
    return name.replace(" ", "-").replace(",", "").replace("+", "and").replace(":", "")


def as_cached(config: FitConfig, reader: Source) -> FitConfig:
    """Return a config that takes VAD where the cache has it; of streams that is so anyway."""
    return replace(config, vad=has_vad(reader)) if isinstance(reader, CacheReader) else config


def layers_of(config: FitConfig) -> StreamSettings:
    """Return what a config says of the streams' layers, which baselines take too, and of nothing else."""
    return StreamSettings(
        {name: {"layer": own["layer"]} for name, own in config.streams.items() if "layer" in own}
    )


def _caption(reader: Source, tasks: Sequence[Task], parts: Parts) -> str:
    lacks = isinstance(reader, CacheReader) and not has_vad(reader)
    without, metric = f" {NO_VAD.capitalize()}." if lacks else "", tasks[0].config.metric
    caches = [
        f"{f'{name}: ' if name else ''}{each.path.name} ({each.recipe_id[:8]})"
        for name, each in readers_of(reader).items()
    ]
    on = counted(len(tasks[0].valid), "validation clip")
    if parts.are_folds:
        clips = counted(sum(len(task.valid) for task in tasks), "clip")
        on = f"{clips}, means over {len(tasks)} folds, divided {parts.divided}"
    return (
        f"Baselines on {on}. Cache: {', '.join(caches)}. Regularisation chosen by {metric} in {FOLDS} inner folds "
        f"of the training clips{_of_some(max(len(task.train) for task in tasks))}.{without}"
    )


def _values(each: Baseline, clips: int) -> int:
    """Return how many values a target's model holds beside its offset: a column's, or a support vector's each."""
    return min(clips, MOST_CLIPS) if each.model == "svr" else int(each.columns.shape[1])


def _of_some(count: int) -> str:
    return f" ({MOST_CLIPS} of {count}, which are all that SVR learns from)" if count > MOST_CLIPS else ""


def _write(folder: Path, each: Baseline, task: Task, reader: Source, inputs: dict[str, Any]) -> None:
    """Fit and write a baseline as a run folder has it, as far as it goes without a head."""
    started = time.perf_counter()
    values = each.says(task.train, task.config)
    seconds = round(time.perf_counter() - started, 3)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (METRICS_FILE, CHECKSUMS_FILE):  # of a baseline that is fitted again
        (folder / name).unlink(missing_ok=True)
    write_predictions(
        folder / PREDICTIONS_FILE, task.train.id_column, task.valid.written_ids, values, task.train.names
    )
    write_json(folder / CONFIG_FILE, {"baseline": each.name, "model": each.model, "seed": task.config.seed})
    about = {
        "inputs": {**inputs, "cache": places_of(reader)},
        "recipe_id": recipe_ids(reader),
        "seconds": seconds,
    }
    write_json(folder / ENVIRONMENT_FILE, about)
    learned = range_of(task.train.targets)
    clipped = np.clip(values, learned.low, learned.high)
    metrics = {
        "valid": score_all(task.valid.targets, values, task.train.names),
        "valid_clipped": score_all(task.valid.targets, clipped, task.train.names),
        "parameters": len(task.train.names) * (_values(each, len(task.train)) + 1),
        "selected_on": "inner",
        "metric": task.config.metric,
    }
    finish_run(folder, metrics)
