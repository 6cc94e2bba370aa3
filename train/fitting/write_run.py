"""Writes what a fit came to: head, scores, predictions and pictures, as the files of its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common import gate
from cache.common.words import counted
from cache.compaction.projection import MAX_FILE_BYTES
from train.checksums import finish_run
from train.features.inputs import Layer
from train.features.streams import AnyFeatures
from train.files import (
    CLIPS_FILE,
    CONFUSION_PICTURE,
    COVERAGE_FILE,
    CURVES_PICTURE,
    ENVIRONMENT_FILE,
    HEAD_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    PROJECTION_FILE,
    REFIT_FILE,
    SCATTER_PICTURE,
    projection_file,
    sha256,
    write_bytes,
    write_csv,
    write_json,
)
from train.fitting.checkpoint import Choice, Training
from train.fitting.settle import weights_of_streams
from train.fitting.task import Task
from train.heads.head import FusionHead, Inputs
from train.heads.layers import layer_shares
from train.heads.streams_head import Head
from train.labels.agreement import agreements
from train.labels.coverage import is_compact
from train.labels.missing import missing_counts
from train.labels.tables import Splits
from train.machine import environment
from train.runs.forward import apply_head
from train.runs.history import EpochRecord, write_history
from train.runs.run_folder import LAYER_WEIGHTS, Targets, require_finite, save_head
from train.runs.submission import write_predictions
from train.scores.metrics import score_all
from train.scores.wording import score_text
from train.streams.stream_set import Source, StreamSet, places_of, readers_of, recipe_ids

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FitInputs:
    """What a fit is made from.

    Attributes:
        reader: the cache, or those of several streams.
        labels: as read, before the join with the cache.
        task: as planned.
    """

    reader: Source
    labels: Splits
    task: Task


def write_results(
    out: Path, inputs: FitInputs, features: AnyFeatures, training: Training, *, pictures: bool = True
) -> None:
    """Give the head its chosen weights and write the run folder; ``metrics.json``, last, finishes it."""
    task, choice = inputs.task, training.choose()
    targets = _targets(inputs)
    require_finite(training.head, out / HEAD_FILE)
    metrics = _metrics(task, training, choice)
    _save_head(out, inputs, training, targets, metrics["statement"])
    if "valid" in task.parts:
        predictions = apply_head(training.head, features, task.parts["valid"], task.config)
        metrics |= _report(out, task, targets, predictions)
        if pictures:
            _draw_predictions(out, task, predictions, metrics["selected_on"])
    write_history(out / HISTORY_FILE, choice.history)
    if task.config.refit:
        write_history(out / REFIT_FILE, training.history)
    write_csv(out / CLIPS_FILE, ["clip_id", "part"], _clip_rows(task))
    write_json(out / COVERAGE_FILE, task.coverage)
    if pictures:
        from train.runs.plots import plot_learning_curves

        plot_learning_curves(out / CURVES_PICTURE, choice.history, task.config, choice.epoch)
    write_json(out / ENVIRONMENT_FILE, _environment(inputs, training))
    finish_run(out, metrics)


def _targets(inputs: FitInputs) -> Targets:
    """Describe the labels that the head learned from."""
    task = inputs.task
    learned = task.train.targets
    if task.config.train_on_all:
        learned = np.concatenate([learned, task.valid.targets])
    return Targets.of(inputs.labels.train.id_column, task.train.names, learned)


def _metrics(task: Task, training: Training, choice: Choice) -> dict[str, Any]:
    """Return what ``metrics.json`` says of every run; the scores follow where clips are left to report on."""
    return {
        "statement": statement(task, choice.epoch, choice.score),
        "selected_on": selected_on(task, choice.score),
        "metric": task.config.metric,
        "interval": None,
        "valid": None,
        "valid_clipped": None,
        "epoch": choice.epoch,
        "epochs": task.config.epochs,
        "selection_score": choice.score,
        "clips": {part: len(where) for part, where in task.parts.items()},
        "skipped_loss_columns": sum(row.skipped for row in _epochs(training)),
        "parameters": training.head.num_parameters(),
        "ignored_columns": [*task.train.ignored, *task.train.numbering],
        **_missing(task),
        **_agreement(task),
        **_layer_weights(task, training.head),
        **({"weighted_by": task.train.weighted_by} if task.weights is not None else {}),
        **_streams(task, training),
    }


def _streams(task: Task, training: Training) -> dict[str, Any]:
    """Return, of several streams, how many clips each lacks, and the weights of those that are trained apart."""
    if not task.streams:
        return {}
    absent = {
        name: {part: int((~plan.present[where]).sum()) for part, where in task.parts.items()}
        for name, plan in task.streams.items()
    }
    weights = weights_of_streams(training.head, task.train.names)
    return {"absent_clips": absent, **({"stream_weights": weights} if weights else {})}


def _missing(task: Task) -> dict[str, Any]:
    """Return how many labels are missing, by split and target; nothing where every clip has all."""
    found = {}
    for split, labels in (("train", task.train), ("valid", task.valid)):
        lacking = missing_counts(labels.targets, labels.names)
        if lacking or labels.unlabelled:
            found[split] = {"missing": lacking, "clips_without_any": labels.unlabelled}
    return {"missing_labels": found} if found else {}


def _agreement(task: Task) -> dict[str, Any]:
    """Return how alike annotators rate, by split and target; nothing where labels are of one each."""
    parts = {"train": task.train, "valid": task.valid}
    found = {split: agreements(labels.ratings, labels.names) for split, labels in parts.items()}
    return {"agreement": found} if any(found.values()) else {}


def _layer_weights(task: Task, head: Head) -> dict[str, Any]:
    """Return what share of the sum each encoder layer has; nothing where a head takes one as it is."""
    if isinstance(head, FusionHead):
        sides: list[tuple[str, Inputs, Layer]] = [("", head, task.layer)]
    else:
        sides = [(f"{name} ", head.inputs(name), plan.layer) for name, plan in task.streams.items()]
    shares = {
        f"{prefix}{layer}": share
        for prefix, inputs, layers in sides
        if isinstance(layers, tuple)
        for layer, share in layer_shares(inputs.layer_weights, layers).items()
    }
    return {LAYER_WEIGHTS: shares} if shares else {}


def _epochs(training: Training) -> list[EpochRecord]:
    """Return every epoch that was taken: those of the first pass, and of the second where there is one."""
    return [*(training.choice.history if training.choice else ()), *training.history]


def _save_head(out: Path, inputs: FitInputs, training: Training, targets: Targets, statement: str) -> None:
    """Write the head with all that is needed to use it."""
    reader, task = inputs.reader, inputs.task
    about = {"config": task.config.to_dict(), "layer": task.layer, "statement": statement}
    if isinstance(reader, StreamSet):
        about["streams"] = {
            name: {**_of_cache(reader.readers[name]), "layer": plan.layer, "vad": plan.config.vad}
            for name, plan in task.streams.items()
        }
    else:
        about |= _of_cache(reader)
    save_head(out / HEAD_FILE, training.head, targets, about)
    for name, each in readers_of(reader).items():
        if is_compact(each):
            content = gate.read(each.path, each.path / PROJECTION_FILE, MAX_FILE_BYTES)
            write_bytes(out / projection_file(name), content)


def _of_cache(reader: CacheReader) -> dict[str, Any]:
    return {"recipe": reader.recipe, "recipe_id": reader.recipe_id}


def _report(out: Path, task: Task, targets: Targets, predictions: FloatArray) -> dict[str, Any]:
    """Write the predictions of the validation clips, and return their scores."""
    truth, names = task.valid.targets, targets.names
    write_predictions(out / PREDICTIONS_FILE, targets.id_column, task.valid.written_ids, predictions, names)
    return {
        "interval": validation_interval(task, predictions),
        "valid": score_all(truth, predictions, names),
        "valid_clipped": score_all(truth, targets.clipped(predictions), names),
    }


def validation_interval(task: Task, predictions: FloatArray) -> dict[str, Any]:
    """Return the interval of the score on the validation clips, predictions (clips, targets), as JSON values."""
    from train.scores.evidence import described  # with scipy, which the first step does not wait for
    from train.scores.intervals import score_interval

    truth = task.valid.targets
    return described(score_interval(truth, predictions[None], task.config.metric, task.valid.speakers))


def _draw_predictions(out: Path, task: Task, predictions: FloatArray, selected: str) -> None:
    from train.runs.confusion import plot_confusion
    from train.runs.plots import ScatterNote, plot_scatter

    note = ScatterNote(task.config.metric, selected)
    plot_scatter(out / SCATTER_PICTURE, task.valid.targets, predictions, task.valid.names, note)
    plot_confusion(out / CONFUSION_PICTURE, task.valid.targets, predictions, task.valid.names)


def selected_on(task: Task, score: float | None) -> str:
    """Return what chose the epoch: "inner", "valid" or "last epoch", which is where no ``score`` was defined."""
    return "last epoch" if score is None else task.config.select


def statement(task: Task, epoch: int, score: float | None) -> str:
    """Say in one sentence what the head was trained on and what chose its epoch, by which score."""
    config, parts = task.config, task.parts
    text = f"trained on {counted(len(parts['fit']), 'clip')}; epoch {epoch} of {config.epochs}"
    if config.train_on_all:
        return f"{text} (the last), train and valid together: no clip is left to report on"
    if config.select == "last":
        return f"{text} (the last)"
    which = {"inner": "inner", "valid": "validation"}[config.select]
    chooser = counted(len(task.chooser), f"{which} clip")
    again = (
        f", then fitted again on all {len(parts['fit']) + len(task.chooser)} of it" if config.refit else ""
    )
    if score is None:
        return f"{text}, the last, since {config.metric} was undefined on the {chooser} at every epoch{again}"
    text += f" chosen by {config.metric} ({score_text(score)}) on {chooser}"
    if config.select == "valid":
        return f"{text}: selected on valid, so that the scores are too high"
    return f"{text} of the training data, divided by {task.inner_by}{again}"


def _clip_rows(task: Task) -> list[tuple[str, str]]:
    part_of = {int(position): part for part, where in task.parts.items() for position in where}
    return [(clip_id, part_of[position]) for position, clip_id in enumerate(task.clip_ids)]


def _environment(inputs: FitInputs, training: Training) -> dict[str, Any]:
    task, device = inputs.task, next(training.head.parameters()).device
    clips = len(task.parts["fit"]) * len(training.history)
    if training.choice:
        clips += len(task.parts["fit"]) * len(training.choice.history)
        clips += len(task.parts["inner"]) * len(training.history)
    return {
        "identity": task.identity,
        **environment(device),
        "threads_of_each_sitting": training.threads,
        "clips_per_second_by_threads": {str(count): rate for count, rate in training.rates.items()},
        **origin_of(inputs),
        "recipe_id": recipe_ids(inputs.reader),
        "seconds": round(training.seconds, 3),
        "waited_for_data": round(training.waited / training.seconds, 4) if training.seconds else None,
        "clips_per_second": round(clips / training.seconds, 1) if training.seconds else None,
    }


def origin_of(inputs: FitInputs) -> dict[str, Any]:
    """Return where labels, speakers and cache came from, and hashes of them, as ``environment.json`` has them."""
    files = inputs.labels.files
    table = files.speakers if files else None
    beside = inputs.reader.beside if isinstance(inputs.reader, StreamSet) else {}
    named = {"cache": places_of(inputs.reader), **({"beside": beside} if beside else {})}
    return {
        "inputs": {**inputs.labels.origin, **named},
        "label_files": {str(path): sha256(path) for path in inputs.labels.paths},
        "speakers": inputs.task.speakers,
        "speaker_table": {str(table): sha256(table)} if table else {},
    }
