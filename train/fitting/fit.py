"""Fit in clips → extract → cache → train → intensities: one visible loop, resumable at any instant."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cache import CacheReader
from cache.common.console import Progress, clock, counted
from train.config import FitConfig
from train.errors import RunError
from train.features.batches import Batch, BatchFeed, Features, FrameBank, load_features
from train.features.order import epoch_batches
from train.files import write_json
from train.fitting.checkpoint import EpochRecord, Training, load_checkpoint, new_training, save_checkpoint
from train.fitting.losses import LossValue, batch_loss, is_correlation
from train.fitting.task import Task, plan_fit
from train.fitting.write_run import Found, write_results
from train.heads.head import HeadShape, new_head
from train.labels.coverage import is_compact, opened
from train.labels.label_files import target_lines
from train.labels.tables import Splits
from train.machine import choose_device, deterministic, kept_memory
from train.runs.predict import apply_head, autocast
from train.runs.run_folder import CHECKPOINT, CONFIG, Run, claim, keep_run_folder, load_run
from train.scores.audit import Audit, audit_splits
from train.scores.metrics import mean_over
from train.scores.registry import METRICS
from train.scores.wording import score_text


@dataclass(frozen=True)
class Surroundings:
    """What a fit is told besides its recipe, much of it shared by an ablation; no number depends on it.

    Attributes:
        bank: frames that are in memory already.
        pictures: whether the run folder gets its plots.
        strict: refuse to fit when a check of the audit fails.
        audited: the audit was made already, for all fits at once.
    """

    bank: FrameBank | None = None
    pictures: bool = True
    strict: bool = False
    audited: bool = False


def fit(
    cache: CacheReader | Path | str,
    labels: Splits,
    config: FitConfig,
    out: Path | str,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    inputs: dict[str, Any] | None = None,
    surroundings: Surroundings | None = None,
) -> Run:
    """Fit one head, or go on with it where an interrupted fit of the same config stopped.

    The same config, machine and number of threads give the same bits, interrupted or not.

    Args:
        cache: a cache folder or its reader.
        labels: training and validation labels.
        config: the recipe.
        out: run folder.
        overwrite: replace the run in ``out``.
        progress: where to report; default: stderr.
        inputs: where cache and labels were found, kept in the run so that it can be reproduced.
        surroundings: what an ablation shares between its fits; changes no number.

    Returns:
        The finished run; the one that is there if ``out`` holds this very fit already.

    Raises:
        LabelError: if labels and cache do not fit together.
        ConfigError: if the cache has not what the config asks for.
        AuditError: if a check of the audit fails and ``surroundings`` are strict.
        RunError: if ``out`` holds another run, another fit is writing it, or the loss is not a number.
    """
    out, progress = Path(out), progress or Progress()
    around = surroundings or Surroundings()
    kept_memory()
    with opened(cache) as reader, ExitStack() as held:
        task = plan_fit(reader, labels, config)
        device = choose_device(config.device, compact=is_compact(reader))
        checked = None if around.audited else audit_splits(reader, labels, strict=around.strict)
        held.enter_context(keep_run_folder(out))
        if claim(out, task.identity, overwrite):
            progress.line(f"{out}: this fit is finished already, nothing to do (--overwrite fits again)")
            return load_run(out)
        write_json(out / CONFIG, config.to_dict())
        if not around.audited:  # once for all fits of an ablation
            for line in target_lines(labels.train, labels.valid):
                progress.line(line)
        _keep(checked, out, progress)
        with deterministic(device):
            features = _features(reader, task, around.bank, progress)
            training = _begin(task, features, device, out / CHECKPOINT, progress)
            while not training.is_over(config):
                started = time.perf_counter()
                trained = _train_epoch(training, task, features, progress)
                training.record(replace(trained, score=_score(training, task, features)))
                training.seconds += time.perf_counter() - started
                save_checkpoint(out / CHECKPOINT, training)
                progress.line(_epoch_line(training, task))
            found = Found(reader, labels, task, features, inputs or {})
            write_results(out, found, training, pictures=around.pictures)
        (out / CHECKPOINT).unlink()
    return load_run(out)


def _keep(checked: Audit | None, out: Path, progress: Progress) -> None:
    """Show an audit and write it into the run folder."""
    if checked is not None:
        checked.save(out)
        progress.line(checked.text())


def learning_rate(step: int, steps_per_epoch: int, config: FitConfig) -> float:
    """Return the learning rate of a step (from 0): linear warm-up, then half a cosine down to 0."""
    warmup = config.warmup_epochs * steps_per_epoch
    total = config.epochs * steps_per_epoch
    if step < warmup:
        return config.lr * (step + 1) / math.ceil(warmup)
    done = (step - warmup) / max(1.0, total - warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


def _features(reader: CacheReader, task: Task, bank: FrameBank | None, progress: Progress) -> Features:
    total = len(task.clip_ids)

    def told(done: int) -> None:
        progress.update(lambda: f"reading features  {done}/{total} clips")

    features = load_features(reader, task.clip_ids, task.config, bank=bank, told=told)
    if task.config.lstm:
        frames, where = int(features.lengths.sum()), "in memory" if features.in_memory else "read per batch"
        progress.line(
            f"{counted(total, 'clip')}, {counted(frames, 'frame')}, {counted(features.width, 'channel')}, {where}"
        )
    return features


def _begin(
    task: Task, features: Features, device: torch.device, checkpoint: Path, progress: Progress
) -> Training:
    """Return a new head, or the one of the checkpoint."""
    config = task.config
    shape = HeadShape(
        width=features.width,
        targets=len(task.train.names),
        hidden=config.hidden,
        lstm_layers=config.lstm_layers,
        global_mean=config.global_mean,
        fusion_head=config.fusion_head,
        lstm=config.lstm,
        temporal=config.temporal,
    )
    training = new_training(new_head(shape, config.seed).to(device), config)
    if checkpoint.exists():
        load_checkpoint(checkpoint, training)
        progress.line(f"going on after epoch {len(training.history)} of {config.last_epoch}")
        if torch.get_num_threads() not in training.threads:
            progress.line(
                f"threads: {torch.get_num_threads()} now, {training.threads} before; the bits may differ"
            )
    training.threads.append(torch.get_num_threads())
    return training


def _train_epoch(training: Training, task: Task, features: Features, progress: Progress) -> EpochRecord:
    """Take one step per batch over every training clip; the score is still open (NaN)."""
    config, where, epoch = task.config, task.parts["fit"], len(training.history)
    by_length = config.lstm and not is_correlation(config.loss_terms)
    batches = epoch_batches(features.lengths[where], config.batch_size, config.seed, epoch, by_length)
    targets = torch.from_numpy(task.truth).float()
    feed = BatchFeed(features, next(training.head.parameters()).device)
    total, done, skipped, lr, started = 0.0, 0, 0, 0.0, time.perf_counter()
    training.head.train()
    for step, (part, batch) in enumerate(feed([where[batch] for batch in batches])):
        lr = learning_rate(epoch * len(batches) + step, len(batches), config)
        loss = _step(training, batch, targets[torch.from_numpy(part)], config, lr)
        skipped += loss.skipped
        if loss.value is not None:
            total, done = total + loss.value.item() * len(part), done + len(part)
            if not math.isfinite(total):
                raise RunError(
                    f"the loss became {loss.value.item()} in epoch {epoch + 1}, step {step + 1}; "
                    f"lower --lr (now {config.lr:g}) or use --precision float32"
                )
        progress.live(partial(_step_line, epoch, step + 1, len(batches), config, started))
    training.waited += feed.waited
    return EpochRecord(epoch + 1, lr, total / done if done else math.nan, math.nan, skipped)


def _step(training: Training, batch: Batch, targets: torch.Tensor, config: FitConfig, lr: float) -> LossValue:
    """Take one optimiser step; none if every column of the batch is constant and the loss a correlation."""
    with autocast(config, batch.lengths.device):
        predictions = training.head(*batch)
    loss = batch_loss(config.loss_terms, predictions.float(), targets.to(predictions.device))
    if loss.value is not None:
        training.optimiser.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]
        training.optimiser.step(lr)
    return loss


def _score(training: Training, task: Task, features: Features) -> float:
    """Return the selection metric on the clips that choose the epoch; NaN if undefined, or if none do."""
    if not len(task.chooser):
        return math.nan
    predictions = apply_head(training.head, features, task.chooser, task.config)
    return mean_over(METRICS.get(task.config.metric)(task.truth[task.chooser], predictions))


def _step_line(epoch: int, step: int, steps: int, config: FitConfig, started: float) -> str:
    seconds = time.perf_counter() - started
    left = ((config.last_epoch - epoch) * steps - step) * seconds / step
    rate = step * config.batch_size / seconds
    return (
        f"epoch {epoch + 1}/{config.last_epoch}  step {step}/{steps}  {rate:.0f} clips/s  ETA {clock(left)}"
    )


def _epoch_line(training: Training, task: Task) -> str:
    row, config = training.history[-1], task.config
    rate = len(task.parts["fit"]) * len(training.history) / training.seconds
    left = training.seconds / len(training.history) * (config.last_epoch - row.epoch)
    score = ""
    if len(task.chooser):
        best = " (best)" if training.best_epoch == row.epoch else ""
        score = f"  {config.select} {config.metric} {score_text(row.score)}{best}"
    done = f"epoch {row.epoch}/{config.last_epoch}  loss {row.loss:.4f}{score}"
    return f"{done}  {rate:.0f} clips/s  ETA {clock(left)}"
