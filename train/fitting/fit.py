"""Fits one head: epoch by epoch, to be continued from any instant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import counted
from train.audit.audit import audit_splits
from train.config import FitConfig
from train.features.batches import Features, FrameBank, load_features
from train.features.standardise import by_speaker, learn_moments
from train.files import CHECKPOINT_FILE, CONFIG_FILE, write_json
from train.fitting.begun import as_begun
from train.fitting.checkpoint import Training, load_checkpoint, new_training, save_checkpoint
from train.fitting.epoch import run_epoch
from train.fitting.progress_lines import epoch_line
from train.fitting.refresh import refresh
from train.fitting.task import Task, plan_fit
from train.fitting.write_run import FitInputs, write_results
from train.heads.head import HeadShape, new_head
from train.labels.coverage import is_compact, opened
from train.labels.tables import Splits, target_lines
from train.labels.weights import weight_lines
from train.machine import choose_device, deterministic, kept_memory
from train.runs.claim import claim, keep_run_folder
from train.runs.run_folder import Run, load_run


@dataclass(frozen=True)
class SharedFit:
    """What a fit takes besides cache, labels and config, much of it shared by an ablation; no number depends on it.

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
    shared: SharedFit | None = None,
) -> Run:
    """Fit one head, or go on with it where an interrupted fit of the same config stopped.

    The same config, machine and number of threads give the same bits, interrupted or not.

    Args:
        cache: a cache folder or its reader.
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
    with opened(cache) as reader:
        config = config if overwrite else as_begun(config, [out], progress)
        task = plan_fit(reader, labels, config)
        checked = None
        if not shared.audited:
            checked = audit_splits(reader, labels, strict=shared.strict, standardise=config.standardise)
        with keep_run_folder(out):
            if claim(out, task.identity, overwrite):
                progress.line(f"{out}: this fit is finished already, nothing to do (--overwrite fits again)")
                if refresh(out, FitInputs(reader, labels, task)):
                    progress.line(f"{out}: its interval and its audit are computed again for these speakers")
                return load_run(out)
            write_json(out / CONFIG_FILE, config.to_dict())
            if checked is not None:
                for line in [
                    *target_lines(labels.train, labels.valid),
                    *weight_lines(task.train),
                    checked.text(),
                ]:
                    progress.line(line)
                checked.save(out)
            _fit_in(out, FitInputs(reader, labels, task), shared, progress)
    return load_run(out)


def _fit_in(out: Path, inputs: FitInputs, shared: SharedFit, progress: Progress) -> None:
    """Take the epochs that are left, and write the run; its folder is this fit's own."""
    task, reader = inputs.task, inputs.reader
    device = choose_device(task.config.device, compact=is_compact(reader))
    with deterministic(device):
        features = _features(reader, task, shared.bank, progress)
        training = _begin(task, features, device, out / CHECKPOINT_FILE, progress)
        while not training.is_over(task.config):
            run_epoch(training, task, features, progress)
            save_checkpoint(out / CHECKPOINT_FILE, training)
            progress.line(epoch_line(training, task))
        write_results(out, inputs, features, training, pictures=shared.pictures)
    (out / CHECKPOINT_FILE).unlink()


def _features(reader: CacheReader, task: Task, bank: FrameBank | None, progress: Progress) -> Features:
    total = len(task.clip_ids)

    def report(done: int, total: int) -> None:
        progress.update(lambda: f"reading features  {done}/{total} clips")

    features = load_features(reader, task.clip_ids, task.config, bank=bank, on_progress=report)
    if task.config.standardise == "speaker":
        progress.update(lambda: "standardising by speaker")
        features = by_speaker(features, task.speakers_of_clips)
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
        fusion=config.fusion,
        standardise=config.standardise == "train",
        clip_width=features.clip_width,
        dropout=config.dropout,
    )
    head = new_head(shape, config.seed)
    if config.standardise == "train" and not checkpoint.exists():
        learn_moments(head.standardise, features, task.parts["fit"])
    training = new_training(head.to(device), config)
    if checkpoint.exists():
        load_checkpoint(checkpoint, training)
        progress.line(f"going on after epoch {len(training.history)} of {config.last_epoch}")
        if torch.get_num_threads() not in training.threads:
            progress.line(
                f"threads: {torch.get_num_threads()} now, {training.threads} before; the bits may differ"
            )
    training.threads.append(torch.get_num_threads())
    return training
