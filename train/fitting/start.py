"""What a pass of a fit starts from: a new head or one of a checkpoint, and the features as that head takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from cache.common.progress import Progress
from cache.common.words import counted
from train.config import FitConfig
from train.features.batches import Features, FrameBank, load_features
from train.features.components import VALUES, learn_components, number_of_components, with_components
from train.features.standardise import by_speaker, learn_moments
from train.features.streams import AnyFeatures, StreamFeatures, joined_streams
from train.fitting.checkpoint import Choice, Training, load_checkpoint, new_training
from train.fitting.settle import carry_weights
from train.fitting.task import Task
from train.heads.head import PLAIN_FUSION, FusionHead, HeadShape, Inputs
from train.heads.registry import STREAM_FUSIONS
from train.heads.streams_head import AnyShape, StreamsHead, StreamsShape, made
from train.machine import one_thread
from train.streams.settings import TOKEN
from train.streams.stream_set import Source, StreamSet

IntArray = npt.NDArray[np.int64]
Bank = FrameBank | Mapping[str, FrameBank]  # of one cache, or of streams by name


def read_features(reader: Source, task: Task, bank: Bank | None, progress: Progress) -> AnyFeatures:
    """Return the features of all clips as the cache has them, before anything is learned from some of them."""
    report = partial(_say_read, progress)
    if isinstance(reader, StreamSet):
        return _read_streams(reader, task, bank, progress)
    mine = bank if isinstance(bank, FrameBank) else None
    features = load_features(reader, task.clip_ids, task.config, bank=mine, on_progress=report)
    if task.config.lstm:
        progress.line(_read_line(features))
    return features


def _read_streams(reader: StreamSet, task: Task, bank: Bank | None, progress: Progress) -> StreamFeatures:
    """Return the features of all streams, each of the clips that it holds."""
    frames_too = takes_frames(task.config)

    def load(name: str, ids: tuple[str, ...]) -> Features:
        own = task.streams[name].config
        features = load_features(
            reader.readers[name],
            ids,
            own,
            bank=bank.get(name) if isinstance(bank, Mapping) else None,
            on_progress=partial(_say_read, progress),
            frames_too=frames_too,
        )
        lacking = len(task.clip_ids) - len(ids)
        without = f"; {counted(lacking, 'clip')} without it" if lacking else ""
        progress.line(f"{name}: {_read_line(features)}{without}")
        return features

    present = {name: plan.present for name, plan in task.streams.items()}
    return joined_streams(task.clip_ids, present, load)


def _read_line(features: Features) -> str:
    total, frames = len(features.clip_ids), int(features.lengths.sum())
    where = "in memory" if features.in_memory else "read per batch"
    return (
        f"{counted(total, 'clip')}, {counted(frames, 'frame')}, {counted(features.width, 'channel')}, {where}"
    )


def takes_frames(config: FitConfig) -> bool:
    """Whether the fusion of a config takes frames, not only vectors."""
    if config.fusion not in STREAM_FUSIONS:
        return False
    return bool(getattr(STREAM_FUSIONS.get(config.fusion), "needs_frames", False))


def _say_read(progress: Progress, done: int, total: int) -> None:
    progress.update(lambda: f"reading features  {done}/{total} clips")


def shape_of(task: Task, features: AnyFeatures) -> AnyShape:
    """Return the shape of a fit's head, from its config and the features of its cache, or of its streams."""
    config, targets = task.config, len(task.train.names)
    if isinstance(features, Features):
        own = _inputs_shape(config, features, targets)
        return replace(own, fusion_head=config.fusion_head, fusion=config.fusion, dropout=config.dropout)
    streams = {
        name: _inputs_shape(task.streams[name].config, own, targets) for name, own in features.streams.items()
    }
    return StreamsShape(
        streams,
        targets,
        config.fusion if config.fusion_head else PLAIN_FUSION,
        config.dropout,
        tokens=config.missing == TOKEN or config.stream_dropout > 0,
        query=config.query,
    )


def _inputs_shape(config: FitConfig, features: Features, targets: int) -> HeadShape:
    """Return the shape of what comes before the fusion."""
    components = number_of_components(features.width) if config.takes_components else 0
    clip_width = features.clip_width
    if components and features.global_mean is not None:
        clip_width = features.global_mean.shape[1] + VALUES * components
    return HeadShape(
        width=features.width - max(0, features.layers - 1) * features.layer_width,
        targets=targets,
        hidden=config.hidden,
        lstm_layers=config.lstm_layers,
        global_mean=config.global_mean,
        lstm=config.lstm,
        temporal=config.temporal,
        standardise=config.standardise == "train",
        clip_width=clip_width,
        components=components,
        layers=features.layers,
        layer_width=features.layer_width,
    )


class _Side(NamedTuple):
    """What is learned before the first epoch, and taken since: of a cache, or of one stream.

    Attributes:
        config: of it.
        inputs: of the head.
        features: of its clips.
        learned: positions of those that are trained on.
        speakers: (clips,) of all.
    """

    config: FitConfig
    inputs: Inputs
    features: Features
    learned: IntArray
    speakers: Sequence[str | None]

    def taken(self, *, fresh: bool, progress: Progress) -> Features:
        """Return the features as the head takes them; a fresh head learns what from first."""
        features = self.features
        if self.config.takes_components:
            if fresh:
                learn_components(self.inputs.components, features, self.learned)
            features = with_components(features, self.inputs.components, partial(_say_components, progress))
        if self.config.standardise == "speaker":
            progress.update(lambda: "standardising by speaker")
            features = by_speaker(features, self.speakers)
        if fresh and self.config.standardise == "train":
            learn_moments(self.inputs.standardise, features, self.learned)
        return features


def _say_components(progress: Progress, done: int, total: int) -> None:
    progress.update(lambda: f"components of frames  {done}/{total} clips")


def start_pass(training: Training, task: Task, features: AnyFeatures, progress: Progress) -> AnyFeatures:
    """Return the features of a pass as its head takes them; before the first epoch the head learns what from.

    Args:
        training: of the pass; one that goes on holds what it learned then.
        task: of the pass.
        features: of ``read_features``.
        progress: where to report.
    """
    head, fresh, where = training.head, not training.history, task.parts["fit"]
    speakers = task.speakers_of_clips
    with one_thread():  # whatever number of them the epochs take: the same bits with any
        if isinstance(features, Features):
            assert isinstance(head, FusionHead)  # noqa: S101 - of one cache
            return _Side(task.config, head, features, where, speakers).taken(fresh=fresh, progress=progress)
        assert isinstance(head, StreamsHead)  # noqa: S101 - of several streams
        taken = {}
        for name, own in features.streams.items():
            plan = task.streams[name]
            mine = [speakers[at] for at in np.flatnonzero(plan.present)]
            side = _Side(plan.config, head.inputs(name), own, features.places(name, where), mine)
            taken[name] = side.taken(fresh=fresh, progress=progress)
        return replace(features, streams=taken)


def begin(
    task: Task, shape: AnyShape, device: torch.device, checkpoint: Path, progress: Progress
) -> Training:
    """Return a new head in training, or the one of the checkpoint."""
    training = new_training(made(shape, task.config.seed).to(device), task.config)
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
    again = new_training(made(training.head.shape, task.config.seed).to(device), task.config)
    carry_weights(training.head, again.head)
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
