"""What a pass of a fit starts from: a new head or one of a checkpoint, and the features as that head takes them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import counted
from train.features.batches import Features, FrameBank, load_features
from train.features.components import VALUES, learn_components, number_of_components, with_components
from train.features.standardise import by_speaker, learn_moments
from train.fitting.checkpoint import Choice, Training, load_checkpoint, new_training
from train.fitting.task import Task
from train.heads.head import FusionHead, HeadShape, new_head
from train.machine import one_thread


def read_features(reader: CacheReader, task: Task, bank: FrameBank | None, progress: Progress) -> Features:
    """Return the features of all clips as the cache has them, before anything is learned from some of them."""
    report = partial(_say_read, progress)
    features = load_features(reader, task.clip_ids, task.config, bank=bank, on_progress=report)
    if task.config.lstm:
        total, frames = len(task.clip_ids), int(features.lengths.sum())
        where = "in memory" if features.in_memory else "read per batch"
        progress.line(
            f"{counted(total, 'clip')}, {counted(frames, 'frame')}, {counted(features.width, 'channel')}, {where}"
        )
    return features


def _say_read(progress: Progress, done: int, total: int) -> None:
    progress.update(lambda: f"reading features  {done}/{total} clips")


def shape_of(task: Task, features: Features) -> HeadShape:
    """Return the shape of a fit's head, from its config and the features of its cache."""
    config = task.config
    components = number_of_components(features.width) if config.takes_components else 0
    clip_width = features.clip_width
    if components and features.global_mean is not None:
        clip_width = features.global_mean.shape[1] + VALUES * components
    return HeadShape(
        width=features.width - max(0, features.layers - 1) * features.layer_width,
        targets=len(task.train.names),
        hidden=config.hidden,
        lstm_layers=config.lstm_layers,
        global_mean=config.global_mean,
        fusion_head=config.fusion_head,
        lstm=config.lstm,
        temporal=config.temporal,
        fusion=config.fusion,
        standardise=config.standardise == "train",
        clip_width=clip_width,
        dropout=config.dropout,
        components=components,
        layers=features.layers,
        layer_width=features.layer_width,
    )


def as_taken(features: Features, head: FusionHead, task: Task, progress: Progress) -> Features:
    """Return the features as a head takes them: with the components that it holds, and by speaker."""
    if task.config.takes_components:
        report = partial(_say_components, progress)
        features = with_components(features, head.components, report)
    if task.config.standardise == "speaker":
        progress.update(lambda: "standardising by speaker")
        features = by_speaker(features, task.speakers_of_clips)
    return features


def _say_components(progress: Progress, done: int, total: int) -> None:
    progress.update(lambda: f"components of frames  {done}/{total} clips")


def start_pass(training: Training, task: Task, features: Features, progress: Progress) -> Features:
    """Return the features of a pass as its head takes them; before the first epoch the head learns what from.

    Args:
        training: of the pass; one that goes on holds what it learned then.
        task: of the pass.
        features: of ``read_features``.
        progress: where to report.
    """
    head, fresh, where = training.head, not training.history, task.parts["fit"]
    with one_thread():  # whatever number of them the epochs take: the same bits with any
        if fresh and task.config.takes_components:
            learn_components(head.components, features, where)
        taken = as_taken(features, head, task, progress)
        if fresh and task.config.standardise == "train":
            learn_moments(head.standardise, taken, where)
    return taken


def begin(
    task: Task, shape: HeadShape, device: torch.device, checkpoint: Path, progress: Progress
) -> Training:
    """Return a new head in training, or the one of the checkpoint."""
    training = new_training(new_head(shape, task.config.seed).to(device), task.config)
    if checkpoint.exists():
        load_checkpoint(checkpoint, training)
        again = "fitting again on all of train, " if training.choice else ""
        last = training.choice.epoch if training.choice else task.config.last_epoch
        progress.line(f"{again}going on after epoch {len(training.history)} of {last}")
    return training


def begin_again(training: Training, task: Task, progress: Progress) -> Training:
    """Return a new head that is to learn from all training clips, for as many epochs as were found best."""
    choice = training.choose()
    device = next(training.head.parameters()).device
    again = new_training(new_head(training.head.shape, task.config.seed).to(device), task.config)
    again.choice, again.threads, again.rates = choice, training.threads, training.rates
    again.seconds, again.waited = training.seconds, training.waited
    clips = counted(len(refit_task(task, choice).parts["fit"]), "training clip")
    progress.line(f"epoch {choice.epoch} chosen; fitting again on all {clips} for as many epochs")
    return again


def refit_task(task: Task, choice: Choice | None) -> Task:
    """Return what a pass is about: the fit itself or, once its epoch is chosen, all training clips that long."""
    if choice is None:
        return task
    config = replace(task.config, select="last", refit=False, patience=None, stop_after=choice.epoch)
    parts = {name: where for name, where in task.parts.items() if name != "inner"}
    parts["fit"] = np.sort(np.concatenate([task.parts["fit"], task.parts["inner"]]))
    weights = task.weights
    if weights is not None:  # their mean is 1 over the clips that are trained on
        weights = weights / weights[parts["fit"]].mean()
    return replace(task, config=config, parts=parts, weights=weights)
