"""Results of a fit in clips → extract → cache → train → intensities: head, scores and pictures as files."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache import CacheReader
from cache.common.console import counted
from train.features.batches import Features
from train.files import sha256, write_csv, write_json
from train.fitting.checkpoint import Training
from train.fitting.task import Task
from train.labels.coverage import is_compact
from train.labels.tables import Splits
from train.machine import environment
from train.runs.predict import apply_head, write_predictions
from train.runs.run_folder import (
    CLIPS,
    COVERAGE,
    CURVES,
    ENVIRONMENT,
    HEAD,
    HISTORY,
    METRICS,
    PREDICTIONS,
    PROJECTION,
    SCATTER,
    Targets,
    save_head,
)
from train.scores.metrics import score_all
from train.scores.wording import score_text


@dataclass(frozen=True)
class Found:
    """What a fit was made from.

    Attributes:
        reader: the cache.
        labels: as read, before the join with the cache.
        task: as planned.
        features: of all its clips.
        inputs: where the user said that cache and labels are.
    """

    reader: CacheReader
    labels: Splits
    task: Task
    features: Features
    inputs: dict[str, Any]


def write_results(out: Path, found: Found, training: Training, *, pictures: bool = True) -> None:
    """Give the head its chosen weights and write the run folder; ``metrics.json``, last, finishes it."""
    task, config, epoch = found.task, found.task.config, training.choose()
    learned = np.concatenate([task.train.targets, task.valid.targets]) if config.train_on_all else None
    targets = Targets.of(
        found.labels.train.id_column, task.train.names, task.train.targets if learned is None else learned
    )
    metrics = {
        "statement": statement(task, training, epoch),
        "selected_on": selected_on(task, training),
        "metric": config.metric,
        "interval": None,
        "valid": None,
        "valid_clipped": None,
        "epoch": epoch,
        "epochs": config.epochs,
        "selection_score": training.best_score,
        "clips": {part: len(where) for part, where in task.parts.items()},
        "skipped_loss_columns": sum(row.skipped for row in training.history),
        "parameters": training.head.num_parameters(),
        "ignored_columns": list(task.train.ignored),
    }
    about: dict[str, Any] = {
        "config": config.to_dict(),
        "layer": task.layer,
        "statement": metrics["statement"],
    }
    about |= {"recipe": found.reader.recipe, "recipe_id": found.reader.recipe_id}
    save_head(out / HEAD, training.head, targets, about)
    if is_compact(found.reader):
        shutil.copyfile(found.reader.path / PROJECTION, out / PROJECTION)
    if "valid" in task.parts:
        metrics |= _report(out, found, training, targets, pictures)
    history = [asdict(row) for row in training.history]
    write_csv(out / HISTORY, list(history[0]), [[_cell(value) for value in row.values()] for row in history])
    write_csv(out / CLIPS, ["clip_id", "part"], _clip_rows(task))
    write_json(out / COVERAGE, task.coverage)
    if pictures:
        from train.runs.plots import plot_learning_curves

        plot_learning_curves(out / CURVES, training.history, config, epoch)
    write_json(out / ENVIRONMENT, _environment(found, training))
    write_json(out / METRICS, metrics)


def _report(out: Path, found: Found, training: Training, targets: Targets, pictures: bool) -> dict[str, Any]:
    """Predict the validation clips, write the predictions, and return their scores."""
    from train.scores.evidence import described  # with scipy, which the first step does not wait for
    from train.scores.intervals import score_interval

    task = found.task
    predictions = apply_head(training.head, found.features, task.parts["valid"], task.config)
    write_predictions(
        out / PREDICTIONS, targets.id_column, task.valid.written_ids, predictions, targets.names
    )
    if pictures:
        from train.runs.plots import ScatterNote, plot_scatter

        about = ScatterNote(task.config.metric, selected_on(task, training))
        plot_scatter(out / SCATTER, task.valid.targets, predictions, targets.names, about)
    interval = score_interval(task.valid.targets, predictions[None], task.config.metric, task.valid.speakers)
    return {
        "interval": described(interval),
        "valid": score_all(task.valid.targets, predictions, targets.names),
        "valid_clipped": score_all(task.valid.targets, targets.clipped(predictions), targets.names),
    }


def selected_on(task: Task, training: Training) -> str:
    """Return what chose the epoch: "inner", "valid" or "last epoch"."""
    return "last epoch" if training.best_epoch is None else task.config.select


def statement(task: Task, training: Training, epoch: int) -> str:
    """Say in one sentence what the head was trained on and what chose its epoch."""
    config, parts = task.config, task.parts
    text = f"trained on {counted(len(parts['fit']), 'clip')}; epoch {epoch} of {config.epochs}"
    if config.train_on_all:
        return f"{text} (the last), train and valid together: no clip is left to report on"
    if config.select == "last":
        return f"{text} (the last)"
    which = {"inner": "inner", "valid": "validation"}[config.select]
    chooser = counted(len(task.chooser), f"{which} clip")
    if training.best_epoch is None:
        return f"{text}, the last, since {config.metric} was undefined on the {chooser} at every epoch"
    text += f" chosen by {config.metric} ({score_text(training.best_score)}) on {chooser}"
    if config.select == "valid":
        return f"{text}: selected on valid, so that the scores are too high"
    return f"{text} of the training data, divided by {task.inner_by}"


def _clip_rows(task: Task) -> list[tuple[str, str]]:
    part_of = {int(position): part for part, where in task.parts.items() for position in where}
    return [(clip_id, part_of[position]) for position, clip_id in enumerate(task.clip_ids)]


def _environment(found: Found, training: Training) -> dict[str, Any]:
    task, device = found.task, next(training.head.parameters()).device
    clips = len(task.parts["fit"]) * len(training.history)
    return {
        "identity": task.identity,
        **environment(device),
        "threads_of_each_sitting": training.threads,
        "inputs": {**found.inputs, "cache": str(found.reader.path)},
        "recipe_id": found.reader.recipe_id,
        "label_files": {str(path): sha256(path) for path in found.labels.paths},
        "seconds": round(training.seconds, 3),
        "waited_for_data": round(training.waited / training.seconds, 4) if training.seconds else None,
        "clips_per_second": round(clips / training.seconds, 1) if training.seconds else None,
    }


def _cell(value: float) -> str:
    return "" if isinstance(value, float) and np.isnan(value) else repr(value)
