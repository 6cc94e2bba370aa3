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

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.durable import write_output
from cache.common.progress import Progress
from train.checksums import known_fields, read_sealed, write_sealed
from train.config import FitConfig
from train.errors import ConfigError
from train.files import csv_text, make_folder, write_csv
from train.fitting.begun import as_begun
from train.fitting.fit import SharedFit, fit
from train.labels.coverage import cached
from train.labels.folds import Folding, divide
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.labels.tables import Labels, Splits, target_lines
from train.runs.predict import predict
from train.runs.run_folder import Run, load_run
from train.scores.evidence import described
from train.scores.intervals import interval_of_folds
from train.scores.registry import METRICS
from train.studies.claim_folder import CROSS_VALIDATION, claim_folder
from train.studies.options import RepeatOptions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
FOLDS, POOLED = CROSS_VALIDATION.file, "pooled.csv"
WHY_BIASED = (
    "biased, since each fold's head has its own offset, low where the labels of its fold are high; "
    "the mean over the folds is the figure to report"
)


def fit_folds(
    cache: Path, labels: Labels, config: FitConfig, folding: Folding, options: RepeatOptions
) -> dict[str, Any]:
    """Fit one head for each fold on the clips of the others, and score it on its own.

    Args:
        cache: folder of the cache.
        labels: of all clips.
        config: the recipe.
        folding: how clips are divided.
        options: where the runs go, and how.

    Returns:
        The content of ``folds.json``.

    Raises:
        LabelError: if the clips cannot be divided, or labels and cache do not fit together.
        ConfigError: if no clip is left to report on, or the cache has not what the config asks for.
        AuditError: if a check of the audit fails and the options are strict.
        RunError: if the folder holds other runs.
    """
    if config.train_on_all:
        raise ConfigError("--train-on-all leaves no clip to report on; do without --folds")
    parts = divide(labels, folding)
    for line in target_lines(labels):
        Progress().line(line)
    claim_folder(options.out, CROSS_VALIDATION)
    make_folder(options.out)
    folders = [options.out / f"fold-{number}" for number in range(1, len(parts) + 1)]
    if not options.overwrite:
        config = as_begun(config, folders, Progress())
    tables = [
        _fold_tables(labels, part, folder, options.overwrite)
        for part, folder in zip(parts, folders, strict=True)
    ]
    runs = [
        _fit_fold(cache, files, config, folder, options)
        for files, folder in zip(tables, folders, strict=True)
    ]
    by = "by speaker"
    if not folding.group:
        by = "by clip, so that speakers are in training and in the fold: too high"
    result = {
        "metric": config.metric,
        "folds": folding.count,
        "divided": by,
        **_scores(cache, labels, runs, parts, options.out),
    }
    beside = (POOLED, *(path.name for files in tables for path in (files.train, files.valid) if path))
    write_sealed(options.out / FOLDS, result, beside)
    return result


def fits_of_folds(out: Path) -> list[tuple[Splits, Run]]:
    """Return the labels and the run of each fold of a finished cross-validation.

    Raises:
        RunError: if one of its files is damaged.
    """
    result = read_sealed(out / FOLDS)
    fits = []
    with known_fields(out / FOLDS, "folds"):
        for each in result["runs"]:
            run = load_run(out / each["run"])
            train, valid = (out / f"{each['run']}.{split}.csv" for split in ("train", "valid"))
            fits.append((read_files(LabelFiles(train, valid, targets=run.targets.names)), run))
    return fits


def _fold_tables(labels: Labels, part: IntArray, folder: Path, overwrite: bool) -> LabelFiles:
    """Write the label tables of a fold's fit, whose validation clips are ``part``, beside its folder.

    Raises:
        StorageError: if they are there and divide the clips, or label them, in another way.
    """
    rest = np.setdiff1d(np.arange(len(labels)), part)
    train, valid = (folder.with_name(f"{folder.name}.{split}.csv") for split in ("train", "valid"))
    write_output(train, _labels_text(labels.take(rest.tolist())).encode(), overwrite)
    write_output(valid, _labels_text(labels.take(part.tolist())).encode(), overwrite)
    return LabelFiles(train, valid, targets=labels.names)


def _fit_fold(cache: Path, files: LabelFiles, config: FitConfig, folder: Path, options: RepeatOptions) -> Run:
    shared = SharedFit(strict=options.strict)
    return fit(cache, read_files(files), config, folder, overwrite=options.overwrite, shared=shared)


def _labels_text(labels: Labels) -> str:
    """Return labels as a table that reads back to the same bits."""
    rows = [
        [clip, *map(repr, row.tolist()), who or ""]
        for clip, row, who in zip(labels.written_ids, labels.targets, labels.speakers, strict=True)
    ]
    return csv_text([labels.id_column, *labels.names, "speaker"], rows)


def _scores(
    cache: Path, labels: Labels, runs: Sequence[Run], parts: Sequence[IntArray], out: Path
) -> dict[str, Any]:
    """Score each fold's head on its clips; write what every clip got into the pooled table."""
    metric, score = runs[0].config.metric, METRICS.get(runs[0].config.metric)
    with CacheReader(cache) as reader:
        pieces = [_held_out(reader, labels, run, part) for run, part in zip(runs, parts, strict=True)]
    rows = [
        [clip, number, *(f"{value:.9g}" for value in row)]
        for number, (kept, values) in enumerate(pieces, 1)
        for clip, row in zip(kept.written_ids, values, strict=True)
    ]
    write_csv(out / POOLED, [labels.id_column, "fold", *labels.names], rows)
    truth = np.concatenate([kept.targets for kept, _ in pieces])
    predictions = np.concatenate([values for _, values in pieces])
    mean = interval_of_folds([(kept.targets, values, kept.speakers) for kept, values in pieces], metric)
    return {
        "mean": described(mean),
        "runs": [
            {
                "run": run.path.name,
                "clips": len(kept),
                "speakers": len({who for who in kept.speakers if who is not None}) or None,
                "score": float(score(kept.targets, values).mean()),
            }
            for run, (kept, values) in zip(runs, pieces, strict=True)
        ],
        "pooled": {"score": float(score(truth, predictions).mean()), "note": WHY_BIASED, "file": POOLED},
    }


def _held_out(reader: CacheReader, labels: Labels, run: Run, part: IntArray) -> tuple[Labels, FloatArray]:
    """Return the cached clips of a fold, and what its head predicts for them (clips, targets)."""
    kept, speakers = cached(labels.take(part), reader), cached(labels, reader).by_clip
    return kept, predict(run, reader, kept.clip_ids, device=run.config.device, speakers=speakers).values
