"""Fits one head: epoch by epoch, to be continued from any instant."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cache.common.progress import Progress
from train.audit.audit import audit_splits
from train.audit.checks import Audit
from train.config import FitConfig
from train.features.streams import AnyFeatures
from train.files import CHECKPOINT_FILE, CONFIG_FILE, write_json
from train.fitting.begun import as_begun
from train.fitting.checkpoint import Training, save_checkpoint
from train.fitting.curve import curve_line, with_curve
from train.fitting.epoch import run_epoch
from train.fitting.progress_lines import TOLD_EPOCHS, epoch_line, is_told
from train.fitting.refresh import refresh
from train.fitting.settle import why_alike
from train.fitting.start import Bank, begin, begin_again, read_features, refit_task, shape_of, start_pass
from train.fitting.task import Task, plan_fit
from train.fitting.threads import settle_as_before, settle_threads
from train.fitting.write_run import FitInputs, write_results
from train.labels.coverage import is_compact, opened
from train.labels.tables import Splits, target_lines
from train.labels.weights import weight_lines
from train.machine import choose_device, deterministic, kept_memory, threads_as_chosen
from train.runs.claim import claim, keep_run_folder
from train.runs.run_folder import Run, load_run
from train.runs.tracking.follow import Follower, following
from train.streams.stream_set import Caches, Source

SAVE_EVERY = 1.0  # seconds at most that a kill costs where epochs are many and short


@dataclass(frozen=True)
class SharedFit:
    """What a fit takes besides cache, labels and config, much of it shared by an ablation; no number depends on it.

    Attributes:
        bank: frames that are in memory already.
        pictures: whether the run folder gets its plots.
        strict: refuse to fit when a check of the audit fails.
        audited: the audit was made already, for all fits at once.
        said: lines on its config, before the audit.
        audit: that of this fit, made and said already, to be kept in the run.
        followed: whether the tracker around, if there is one, is told of this fit as it goes.
    """

    bank: Bank | None = None
    pictures: bool = True
    strict: bool = False
    audited: bool = False
    said: tuple[str, ...] = ()
    audit: Audit | None = None
    followed: bool = True


class Told(NamedTuple):
    """Who is told of a fit while it runs: who looks at the terminal, and a tracker."""

    progress: Progress
    follower: Follower


def fit(
    cache: Caches,
    labels: Splits,
    config: FitConfig,
    out: Path | str,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    shared: SharedFit | None = None,
) -> Run:
    """Fit one head, or go on with it where an interrupted fit of the same config stopped.

    The same config, machine and number of threads give the same bits, interrupted or not. On a CPU the number is
    measured before the first step, up to torch's own, unless a ``train.machine.threads_of`` around this sets it.

    Args:
        cache: a cache folder or its reader; of several streams, those by name.
        labels: training and validation labels; where they came from is kept in the run, to reproduce it.
        config: the recipe.
        out: run folder.
        overwrite: replace the run in ``out``.
        progress: where to report; default: stderr.
        shared: what an ablation shares between its fits; changes no number.

    Returns:
        The finished run; the one that is there if ``out`` holds this very fit already.

    Raises:
        LabelError: if labels and cache do not fit together.
        ConfigError: if cache or machine have not what the config asks for.
        AuditError: if a check of the audit fails and ``shared`` is strict.
        RunError: if ``out`` holds another run, another fit is writing it, or the loss is not a number.
    """
    out, progress, shared = Path(out), progress or Progress(), shared or SharedFit()
    kept_memory()
    with opened(cache, config.missing) as reader:
        config = config if overwrite else as_begun(config, [out], progress)
        task = plan_fit(reader, labels, config)
        checked = _audit(reader, labels, config, shared)
        with keep_run_folder(out), following(out, wanted=shared.followed) as follower:
            if claim(out, task.identity, overwrite):
                progress.line(f"{out}: this fit is finished already, nothing to do (--overwrite fits again)")
                if refresh(out, FitInputs(reader, labels, task)):
                    progress.line(f"{out}: its interval and its audit are computed again for these speakers")
                settle_as_before(out)
                follower.finish()
                return load_run(out)
            write_json(out / CONFIG_FILE, config.to_dict())
            if checked is not None:
                said = target_lines(labels.train, labels.valid) + weight_lines(task.train)
                for line in [*shared.said, *said, checked.text()]:
                    progress.line(line)
                checked.save(out)
            elif shared.audit is not None:
                shared.audit.save(out)
            _fit_in(out, FitInputs(reader, labels, task), shared, Told(progress, follower))
            follower.finish()
    return load_run(out)


def _audit(reader: Source, labels: Splits, config: FitConfig, shared: SharedFit) -> Audit | None:
    """Return the audit that is to be said; None where it was, for all fits at once."""
    if shared.audited or shared.audit is not None:
        return None
    return audit_splits(reader, labels, strict=shared.strict, by_speaker=config.by_speaker)


def _fit_in(out: Path, inputs: FitInputs, shared: SharedFit, told: Told) -> None:
    """Take the epochs that are left, and write the run; its folder is this fit's own."""
    progress = told.progress
    whole, reader, checkpoint = inputs.task, inputs.reader, out / CHECKPOINT_FILE
    device = choose_device(whole.config.device, compact=is_compact(reader))
    with deterministic(device), threads_as_chosen() as choice:
        features = read_features(reader, whole, shared.bank, progress)
        training = begin(whole, shape_of(whole, features), device, checkpoint, progress)
        task = refit_task(whole, training.choice)
        alike = why_alike(training.head, whole)
        if alike is not None:
            progress.line(f"fusion {whole.config.fusion}: its streams count alike, since {alike}")
        taken = start_pass(training, task, features, progress)
        settle_threads(choice, training, task, taken, progress)
        _take_epochs(training, task, taken, checkpoint, told)
        if whole.config.refit and training.choice is None:
            training = begin_again(training, whole, progress)
            save_checkpoint(checkpoint, training)
            task = refit_task(whole, training.choice)
            taken = start_pass(training, task, features, progress)
            _take_epochs(training, task, taken, checkpoint, told)
        write_results(out, inputs, taken, training, pictures=shared.pictures)
    checkpoint.unlink()


def _take_epochs(training: Training, task: Task, features: AnyFeatures, checkpoint: Path, told: Told) -> None:
    """Take the epochs that are left of a pass."""
    saved, progress = time.monotonic(), told.progress
    while not training.is_over(task.config):
        run_epoch(training, task, features, progress)
        if _is_due(training, task, saved):
            save_checkpoint(checkpoint, training)
            saved = time.monotonic()
        line = partial(with_curve, partial(epoch_line, training, task), training, task, progress)
        if is_told(training, task):
            progress.line(line())
        else:
            progress.update(line)
        told.follower.epochs(training.passes)
    if curve := curve_line(training, task, progress):
        progress.line(curve)


def _is_due(training: Training, task: Task, saved: float) -> bool:
    """Whether the state is to be saved: every epoch, or every second where hundreds of them take less."""
    few = task.config.last_epoch <= TOLD_EPOCHS
    return few or training.is_over(task.config) or time.monotonic() - saved >= SAVE_EVERY
