"""How many CPU threads a fit takes: measured before its first step, since more of them are often slower.

Small heads spend their steps in operations of some microseconds, which waiting for one another's threads makes
slower by up to a factor of five; wide ones gain. No rule from sizes holds on every machine, so some steps are
timed, on a copy of the head that is thrown away.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from cache.common.progress import Progress
from cache.common.words import counted
from train.checksums import known_fields, read_json
from train.features.batches import Batch
from train.features.streams import AnyFeatures, StreamsBatch
from train.files import ENVIRONMENT_FILE
from train.fitting.checkpoint import Training, new_training
from train.fitting.epoch import batches_of_epoch, take_step
from train.fitting.task import Task
from train.heads.streams_head import StreamInput
from train.machine import ThreadChoice, choice_around, threads_of

ROUNDS = 5  # timed steps of each number, at most
SECONDS = 1.0  # after which no round begins; the first one is always taken
FRAMES = 128  # of a clip, at most: a step of the full head would take seconds
HOPELESS = 1.5  # times the fastest step: such a number is not timed again
AnyBatch = Batch | StreamsBatch
GAIN = 1.05  # by which more threads must be faster than fewer: less is chance


def settle_threads(
    choice: ThreadChoice, training: Training, task: Task, features: AnyFeatures, progress: Progress
) -> None:
    """Set the threads of a fit, and note them in ``training``.

    Where they are not settled yet, a continued fit takes as many as before, so that its bits are those of an
    uninterrupted one, and a new one on a CPU measures. That draws no random number of the fit's.

    Args:
        choice: of the command, or of this fit alone.
        training: before its first step, or as its checkpoint has it.
        task: of the fit.
        features: of its clips.
        progress: where to say what was measured.
    """
    most, before = torch.get_num_threads(), training.threads
    on_cpu = next(training.head.parameters()).device.type == "cpu"
    if not choice.settled and before and before[-1] <= most:
        choice.settle(before[-1], training.rates)
    elif not choice.settled and on_cpu and most > 1:
        rates = measured_rates(training, task, features, numbers_to_try(most))
        choice.settle(fastest(rates), rates)
        progress.line(rates_line(rates))
    if before and torch.get_num_threads() not in before:
        progress.line(f"threads: {torch.get_num_threads()} now, {before} before; the bits may differ")
    training.rates = training.rates or choice.rates
    training.threads.append(torch.get_num_threads())


def settle_as_before(run: Path) -> None:
    """Have the fits that follow in this command take the threads of a finished run, if it had one number of them.

    Raises:
        RunError: if the run's ``environment.json`` is damaged.
    """
    choice = choice_around()
    if choice is None or choice.settled:
        return
    found = read_json(run / ENVIRONMENT_FILE)
    with known_fields(run / ENVIRONMENT_FILE, "an environment"):
        counts = {int(count) for count in found.get("threads_of_each_sitting", [])}
    if len(counts) == 1 and 1 <= min(counts) <= torch.get_num_threads():
        choice.settle(counts.pop(), {})


def numbers_to_try(most: int) -> list[int]:
    """Return 1, 2, 4 … and ``most``."""
    return sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})


def measured_rates(
    training: Training, task: Task, features: AnyFeatures, counts: Sequence[int]
) -> dict[int, float]:
    """Return threads → clips/s of a step on a batch of usual length; ``training`` stays as it is.

    The numbers take their steps in turn, so that a busy neighbour slows all of them.
    """
    trial = new_training(copy.deepcopy(training.head), task.config)
    trial.head.train()
    batches = batches_of_epoch(task, features, 0)
    positions = sorted(batches, key=lambda batch: int(features.lengths[batch].max()))[len(batches) // 2]
    whole = features.batcher(torch.device("cpu"))(positions)
    batch, targets = _cut(whole), torch.from_numpy(task.truth[positions]).float()
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    begun, left = time.perf_counter(), list(counts)
    with torch.random.fork_rng(devices=[]), threads_of(None):
        for turn in range(ROUNDS + 1):  # the first step of each number sets up memory and kernels
            if turn > 1 and time.perf_counter() - begun > SECONDS:
                break
            for count in left:
                torch.set_num_threads(count)
                started = time.perf_counter()
                take_step(trial, batch, targets, task.config, 0.0)
                if turn:
                    seconds[count].append(time.perf_counter() - started)
            if turn:
                best = min(min(times) for times in seconds.values())
                left = [count for count in left if min(seconds[count]) <= HOPELESS * best]
    clips = len(positions) * _share(batch, whole)
    return {count: float(f"{clips / median(times):.4g}") for count, times in seconds.items()}


def fastest(rates: dict[int, float]) -> int:
    """Return the number of threads with the highest rate; more must be clearly faster than fewer."""
    best = min(rates)
    for count in sorted(rates):
        if rates[count] > GAIN * rates[best]:
            best = count
    return best


def rates_line(rates: dict[int, float]) -> str:
    """Say what was measured and what follows from it."""
    each = ", ".join(f"{counted(count, 'thread')}: {rate:,.0f} clips/s" for count, rate in rates.items())
    return f"takes {counted(fastest(rates), 'thread')} ({each})"


def _cut(batch: AnyBatch) -> AnyBatch:
    """Leave out what lies behind the first ``FRAMES`` frames; of streams, in each."""
    if isinstance(batch, StreamsBatch):
        return StreamsBatch({name: own._replace(**_cut_frames(own)) for name, own in batch.streams.items()})
    return batch._replace(**_cut_frames(batch))


def _cut_frames(batch: Batch | StreamInput) -> dict[str, Tensor]:
    """Return what is other without the frames behind the first ``FRAMES``."""
    if batch.frames is None or batch.frames.shape[1] <= FRAMES:
        return {}
    return {"frames": batch.frames[:, :FRAMES].contiguous(), "lengths": batch.lengths.clamp(max=FRAMES)}


def _share(batch: AnyBatch, whole: AnyBatch) -> float:
    """Return which part of the values of frames was left, 1 without frames."""
    left, all_of_them = (
        sum(each.frames.numel() for each in _parts(one) if each.frames is not None) for one in (batch, whole)
    )
    return left / all_of_them if all_of_them else 1.0


def _parts(batch: AnyBatch) -> Sequence[Batch | StreamInput]:
    return list(batch.streams.values()) if isinstance(batch, StreamsBatch) else [batch]
