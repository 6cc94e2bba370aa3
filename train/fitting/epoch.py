"""One epoch of a fit: a step per batch over every training clip, then the score that may choose the epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from cache.common.progress import Progress
from train.config import FitConfig
from train.errors import RunError
from train.features.batches import Batch, BatchFeed
from train.features.order import epoch_batches
from train.features.streams import AnyFeatures, StreamFeatures, StreamsBatch, kept_streams
from train.fitting.checkpoint import Training
from train.fitting.curve import with_curve
from train.fitting.progress_lines import step_line
from train.fitting.settle import settle
from train.fitting.task import Task
from train.heads.head import FusionHead
from train.heads.streams_head import StreamsHead
from train.losses.loss import LossValue
from train.losses.total import batch_loss, looks_across_clips, summed
from train.runs.forward import apply_head, autocast
from train.runs.history import EpochRecord
from train.scores.registry import METRICS
from train.scores.targets import mean_score

IntArray = npt.NDArray[np.int64]


def run_epoch(training: Training, task: Task, features: AnyFeatures, progress: Progress) -> None:
    """Train over every training clip once, score the head, and record both."""
    started = time.perf_counter()
    with _chance_of(training, task.config):
        trained = _trained(training, task, features, progress)
    settle(training, task, features)
    training.record(replace(trained, score=_score(training, task, features)))
    training.seconds += time.perf_counter() - started


def batches_of_epoch(task: Task, features: AnyFeatures, epoch: int) -> list[IntArray]:
    """Return the positions of the clips of each batch of an epoch (from 0), every training clip once."""
    config, where = task.config, task.parts["fit"]
    temporal = [plan.config.lstm for plan in task.streams.values()] or [config.lstm]
    by_length = any(temporal) and not looks_across_clips(config.loss_terms)
    batches = epoch_batches(features.lengths[where], config.batch_size, config.seed, epoch, by_length)
    return [where[batch] for batch in batches]


class Schedule(Protocol):
    """The fields of a config that decide the learning rate."""

    @property
    def lr(self) -> float: ...  # noqa: D102
    @property
    def epochs(self) -> int: ...  # noqa: D102
    @property
    def warmup_epochs(self) -> float: ...  # noqa: D102
    @property
    def warmup_from(self) -> int: ...  # noqa: D102


def learning_rate(step: int, steps_per_epoch: int, config: Schedule) -> float:
    """Return the learning rate of a step (from 0): linear warm-up 0, 1/n, 2/n …, then half a cosine down to 0.

    Source: arXiv 2403.11879; the schedule is that of transformers' ``get_cosine_schedule_with_warmup``.
    """
    warmup = config.warmup_epochs * steps_per_epoch
    total = config.epochs * steps_per_epoch
    if step < warmup:
        return config.lr * (step + config.warmup_from) / math.ceil(warmup)
    done = (step - warmup) / max(1.0, total - warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


@contextmanager
def _chance_of(training: Training, config: FitConfig) -> Iterator[None]:
    """Have dropout draw from ``(seed, epoch)`` alone inside, so that a resumed fit gives the same bits."""
    if not config.dropout and isinstance(training.head, FusionHead):  # some fusions of streams have their own
        yield
        return
    epoch, device = len(training.history), next(training.head.parameters()).device
    seed = np.random.SeedSequence([config.seed, 3, epoch]).generate_state(1, np.uint64)[0]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(seed) % 2**63)
        yield


def _trained(training: Training, task: Task, features: AnyFeatures, progress: Progress) -> EpochRecord:
    """Take one step per batch over every training clip; the score is still open (NaN)."""
    config, epoch = task.config, len(training.history)
    batches = batches_of_epoch(task, features, epoch)
    targets = torch.from_numpy(task.truth).float()
    weights = None if task.weights is None else torch.from_numpy(task.weights).float()
    feed = BatchFeed(features, next(training.head.parameters()).device)
    total, done, skipped, lr, started = 0.0, 0, 0, 0.0, time.perf_counter()
    kept = _kept_streams(features, config, epoch)
    training.head.train()
    for step, (part, whole) in enumerate(feed(batches)):
        batch = whole.keeping({name: each[part] for name, each in kept.items()}) if kept else whole
        lr = learning_rate(epoch * len(batches) + step, len(batches), config)
        these = torch.from_numpy(part)
        each = None if weights is None else weights[these]
        loss = take_step(training, batch, targets[these], config, lr, each)
        skipped += loss.skipped
        if loss.value is not None:
            total, done = total + loss.value.item() * len(part), done + len(part)
            if not math.isfinite(total):
                raise RunError(
                    f"the loss became {loss.value.item()} in epoch {epoch + 1}, step {step + 1}; "
                    f"lower --lr (now {config.lr:g}) or use --precision float32"
                )
        line = partial(step_line, epoch, step + 1, len(batches), config, started)
        progress.live(partial(with_curve, line, training, task, progress))
    training.waited += feed.waited
    if not done:
        raise RunError(
            f"{config.loss} is undefined on every batch of epoch {epoch + 1}: labels or predictions are constant "
            "in each, and nothing is learned; use a larger --batch-size, a lower --lr or --loss mse"
        )
    return EpochRecord(epoch + 1, lr, total / done, math.nan, skipped)


def take_step(
    training: Training,
    batch: Batch | StreamsBatch,
    targets: torch.Tensor,
    config: FitConfig,
    lr: float,
    weights: torch.Tensor | None = None,
) -> LossValue:
    """Take one optimiser step; none if the loss leaves out every column of the batch.

    Args:
        training: whose head learns.
        batch: of clips.
        targets: (clips, targets) float32, NaN where a label is missing.
        config: names the losses.
        lr: learning rate.
        weights: (clips,) of the clips in the loss; None: all count alike.
    """
    head = training.head
    with autocast(config, batch.lengths.device):
        apart = head.outputs if isinstance(head, StreamsHead) and head.apart else None
        predictions = [head(*batch)] if apart is None else [*apart(*batch)]
    loss = summed([batch_loss(config.loss_terms, each.float(), targets, weights) for each in predictions])
    if loss.value is not None:
        training.optimiser.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]
        training.optimiser.step(lr)
    return loss


def _kept_streams(features: AnyFeatures, config: FitConfig, epoch: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which streams of each clip an epoch sees; nothing where all are."""
    if not config.stream_dropout or not isinstance(features, StreamFeatures):
        return {}
    return kept_streams(features.present, config.stream_dropout, config.seed, epoch)


def _score(training: Training, task: Task, features: AnyFeatures) -> float:
    """Return the selection metric on the clips that choose the epoch; NaN if undefined, or if none do."""
    if not len(task.chooser):
        return math.nan
    predictions = apply_head(training.head, features, task.chooser, task.config)
    return mean_score(METRICS.get(task.config.metric), task.truth[task.chooser], predictions)
