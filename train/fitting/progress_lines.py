"""What a fit says while it runs: a line per step on a terminal, a line per epoch everywhere."""

from __future__ import annotations

import time

from cache.common.words import clock
from train.config import FitConfig
from train.fitting.checkpoint import Training
from train.fitting.task import Task
from train.scores.wording import score_text

TOLD_EPOCHS = 30  # lines of epochs that a fit writes at most, more or less


def is_told(training: Training, task: Task) -> bool:
    """Whether the last epoch gets a line of its own: each, or some of hundreds and the one that ends the pass."""
    every = -(-task.config.last_epoch // TOLD_EPOCHS)
    return len(training.history) % every == 0 or training.is_over(task.config)


def step_line(epoch: int, step: int, steps: int, config: FitConfig, started: float) -> str:
    """Say which step of which epoch (from 0) is done, how fast, and when the fit ends."""
    seconds = time.perf_counter() - started
    left = ((config.last_epoch - epoch) * steps - step) * seconds / step
    rate = step * config.batch_size / seconds
    return (
        f"epoch {epoch + 1}/{config.last_epoch}  step {step}/{steps}  {rate:.0f} clips/s  ETA {clock(left)}"
    )


def epoch_line(training: Training, task: Task) -> str:
    """Say what the last epoch came to, how fast, and when the fit ends."""
    row, config = training.history[-1], task.config
    rate = len(task.parts["fit"]) * len(training.history) / training.seconds
    left = training.seconds / len(training.history) * (config.last_epoch - row.epoch)
    score = ""
    if len(task.chooser):
        best = " (best)" if training.best_epoch == row.epoch else ""
        score = f"  {config.select} {config.metric} {score_text(row.score)}{best}"
    done = f"epoch {row.epoch}/{config.last_epoch}  loss {row.loss:.4f}{score}"
    return f"{done}  {rate:.0f} clips/s  ETA {clock(left)}"
