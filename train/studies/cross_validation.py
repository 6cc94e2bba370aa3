"""Cross-validation: one head for each fold, so that each clip is reported on once.

    OUT/fold-<n>.train.csv, .valid.csv   the labels of each fold's fit
    OUT/fold-<n>/      one run folder for each fold: its clips are the validation clips of that fit
    OUT/pooled.csv     what each clip got from the head that had not seen it, with its fold
    OUT/folds.json     the scores; written last

The figure that counts is the mean over the folds. A correlation of the pooled predictions is biased: each
fold's head has its own offset, and that is low where the fold's labels are high, since the mean of what is
left to train on is then lower. A head that predicts nothing but its training mean has a correlation below 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.durable import write_output
from cache.common.progress import Progress
from cache.common.words import counted
from train.checksums import write_sealed
from train.config import FitConfig
from train.errors import ConfigError, LabelError
from train.files import csv_text, make_folder, write_csv
from train.fitting.begun import as_begun
from train.fitting.fit import SharedFit, fit
from train.labels.coverage import cached, ids_in
from train.labels.folds import LEAVE_ONE_OUT, Fold, Folding, divide, shared_speakers
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.labels.tables import Labels, Splits, label_cell, listed, target_lines
from train.machine import threads_as_chosen
from train.runs.predict import predict
from train.runs.run_folder import Run
from train.scores.evidence import described
from train.scores.folds import Fold as ScoredFold
from train.scores.folds import FoldScores, mean_scores
from train.scores.registry import METRICS
from train.scores.targets import mean_score
from train.studies.claim_folder import CROSS_VALIDATION, claim_folder
from train.studies.options import RepeatOptions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
FOLDS, POOLED = CROSS_VALIDATION.file, "pooled.csv"
WHY_BIASED = (
    "biased, since each fold's head has its own offset, low where the labels of its fold are high; "
    "the mean over the folds is the figure to report"
)


class CrossValidation(NamedTuple):
    """A finished cross-validation.

    Attributes:
        result: the content of ``folds.json``.
        fits: labels and run of each fold.
    """

    result: dict[str, Any]
    fits: list[tuple[Splits, Run]]


def fit_folds(
    cache: Path, labels: Labels, config: FitConfig, folding: Folding, options: RepeatOptions
) -> CrossValidation:
    """Fit one head for each fold on the clips of the others, and score it on its own.

    Args:
        cache: folder of the cache.
        labels: of all clips.
        config: the recipe.
        folding: how clips are divided.
        options: where the runs go, and how.

    Raises:
        LabelError: if the clips cannot be divided, or labels and cache do not fit together.
        ConfigError: if no clip is left to report on, or the cache has not what the config asks for.
        AuditError: if a check of the audit fails and the options are strict.
        RunError: if the folder holds other runs.
    """
    if config.train_on_all:
        raise ConfigError("--train-on-all leaves no clip to report on; do without --folds")
    folds, progress = _cached_folds(cache, labels, divide(labels, folding)), Progress()
    for line in target_lines(labels):
        progress.line(line)
    claim_folder(options.out, CROSS_VALIDATION)
    make_folder(options.out)
    folders = [options.out / f"fold-{number}" for number in range(1, len(folds) + 1)]
    if not options.overwrite:
        config = as_begun(config, folders, progress)
    tables = [
        _fold_tables(labels, fold.positions, folder, options.overwrite)
        for fold, folder in zip(folds, folders, strict=True)
    ]
    fits = []
    with threads_as_chosen():  # measured once, for all of them
        for number, (fold, files, folder) in enumerate(zip(folds, tables, folders, strict=True), 1):
            progress.line(f"fold {number} of {len(folds)}{f' ({fold.name})' if fold.name else ''}")
            fits.append(_fit_fold(cache, read_files(files), config, folder, options))
    result = {
        "metric": config.metric,
        "folds": len(folds),
        "divided": _divided(labels, folding, folds),
        **_scores(cache, labels, [run for _, run in fits], folds, options.out),
        **({"inputs": _inputs(cache, options.files, folding)} if options.files else {}),
    }
    beside = (POOLED, *(path.name for files in tables for path in (files.train, files.valid) if path))
    write_sealed(options.out / FOLDS, result, beside)
    return CrossValidation(result, fits)


def _inputs(cache: Path, files: LabelFiles, folding: Folding) -> dict[str, Any]:
    """Return what, beside the config, makes the same folds again."""
    return {
        **files.to_dict(),
        "cache": str(cache.resolve()),
        "folds": LEAVE_ONE_OUT if folding.count is None else folding.count,
        "group": folding.group,
        "allow_speaker_overlap": folding.allow_overlap,
    }


def _cached_folds(cache: Path, labels: Labels, folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds of which the cache holds a clip; say which have none.

    Raises:
        LabelError: if fewer than two are left.
    """
    with CacheReader(cache) as reader:
        ids = ids_in(labels, reader)
    kept = [fold for fold in folds if any(ids[i] is not None for i in fold.positions)]
    gone = [fold.name or str(number) for number, fold in enumerate(folds, 1) if fold not in kept]
    if len(kept) < 2:
        raise LabelError(f"{labels.path}: the cache {cache} holds clips of {counted(len(kept), 'fold')} only")
    if gone:
        Progress().line(f"left out, none of their clips is in the cache: {listed(gone)}")
    return kept


def _divided(labels: Labels, folding: Folding, folds: Sequence[Fold]) -> str:
    """Say how clips were divided, and whether speakers are on both sides."""
    by = folding.group or "clip"
    shared = shared_speakers(labels, folds)
    if by == "clip":
        return "by clip, so that speakers are in training and in the fold: too high"
    if shared:
        people = counted(shared, "speaker")
        return f"by {by}, with {people} in training and in a fold that is reported: too high for other people"
    return f"by {by}"


def _fold_tables(labels: Labels, part: IntArray, folder: Path, overwrite: bool) -> LabelFiles:
    """Write the label tables of a fold's fit, whose validation clips are ``part``, beside its folder.

    Raises:
        StorageError: if they are there and divide the clips, or label them, in another way.
    """
    rest = np.setdiff1d(np.arange(len(labels)), part)
    train, valid = (folder.with_name(f"{folder.name}.{split}.csv") for split in ("train", "valid"))
    write_output(train, _labels_text(labels.take(rest.tolist())).encode(), overwrite)
    write_output(valid, _labels_text(labels.take(part.tolist())).encode(), overwrite)
    return LabelFiles(train, valid, targets=labels.names, weights=labels.weighted_by or None)


def _fit_fold(
    cache: Path, labels: Splits, config: FitConfig, folder: Path, options: RepeatOptions
) -> tuple[Splits, Run]:
    shared = SharedFit(strict=options.strict)
    return labels, fit(cache, labels, config, folder, overwrite=options.overwrite, shared=shared)


def _labels_text(labels: Labels) -> str:
    """Return labels as a table that reads back to the same bits."""
    rows = [
        [clip, *map(label_cell, row.tolist()), who or ""]
        for clip, row, who in zip(labels.written_ids, labels.targets, labels.speakers, strict=True)
    ]
    if labels.weights is None:
        return csv_text([labels.id_column, *labels.names, "speaker"], rows)
    rows = [[*row, repr(weight)] for row, weight in zip(rows, labels.weights.tolist(), strict=True)]
    return csv_text([labels.id_column, *labels.names, "speaker", labels.weighted_by], rows)


def _scores(
    cache: Path, labels: Labels, runs: Sequence[Run], folds: Sequence[Fold], out: Path
) -> dict[str, Any]:
    """Score each fold's head on its clips; write what every clip got into the pooled table."""
    metric, score = runs[0].config.metric, METRICS.get(runs[0].config.metric)
    with CacheReader(cache) as reader:
        speakers = cached(labels, reader).by_clip
        pieces = [
            _held_out(reader, labels.take(fold.positions), run, speakers)
            for run, fold in zip(runs, folds, strict=True)
        ]
    rows = [
        [clip, number, *(f"{value:.9g}" for value in row)]
        for number, (kept, values) in enumerate(pieces, 1)
        for clip, row in zip(kept.written_ids, values, strict=True)
    ]
    write_csv(out / POOLED, [labels.id_column, "fold", *labels.names], rows)
    truth = np.concatenate([kept.targets for kept, _ in pieces])
    predictions = np.concatenate([values for _, values in pieces])
    scored = [ScoredFold(kept.targets, values, kept.speakers) for kept, values in pieces]
    found = FoldScores.of(scored, metric)
    return {
        "mean": described(found.interval()),
        "per_target": {
            name: {**described(found.interval(target)), "folds": found.number_of_folds(target)}
            for target, name in enumerate(labels.names)
        },
        "scores": mean_scores(scored, labels.names),
        "runs": [
            {
                "run": run.path.name,
                "name": fold.name,
                "clips": len(kept),
                "speakers": len({who for who in kept.speakers if who is not None}) or None,
                "score": mean_score(score, kept.targets, values),
            }
            for run, fold, (kept, values) in zip(runs, folds, pieces, strict=True)
        ],
        "pooled": {"score": mean_score(score, truth, predictions), "note": WHY_BIASED, "file": POOLED},
    }


def _held_out(
    reader: CacheReader, labels: Labels, run: Run, speakers: Mapping[str, str | None]
) -> tuple[Labels, FloatArray]:
    """Return the cached clips of a fold, and what its head predicts for them (clips, targets)."""
    kept = cached(labels, reader)
    return kept, predict(run, reader, kept.clip_ids, device=run.config.device, speakers=speakers).values
