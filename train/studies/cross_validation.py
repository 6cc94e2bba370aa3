"""Cross-validation: one head for each fold, so that each clip is reported on once.

    OUT/fold-<n>.train.csv, .valid.csv   the labels of each fold's fit
    OUT/fold-<n>/      one run folder for each fold: its clips are the validation clips of that fit; of several
                       seeds an ensemble's, with one run each
    OUT/pooled.csv     what each clip got from the head that had not seen it, with its fold
    OUT/folds.json     the scores; written last

The figure that counts is the mean over the folds. A correlation of the pooled predictions is biased: each
fold's head has its own offset, and that is low where the fold's labels are high, since the mean of what is
left to train on is then lower. A head that predicts nothing but its training mean has a correlation below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.progress import Progress
from train.audit.checks import Audit
from train.audit.folds import audit_folds, joined
from train.checksums import verified, write_sealed
from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.files import ENVIRONMENT_FILE, METRICS_FILE, PREDICTIONS_FILE, make_folder, write_csv
from train.fitting.begun import as_begun
from train.fitting.fit import SharedFit, fit
from train.labels.coverage import cached, opened
from train.labels.folds import LEAVE_ONE_OUT, Folding
from train.labels.label_files import LabelFiles
from train.labels.tables import Labels, Splits, target_lines
from train.labels.weights import weight_lines
from train.machine import threads_as_chosen
from train.runs.run_folder import Run, load_run
from train.runs.submission import predictions_in
from train.scores.evidence import described
from train.scores.folds import Fold, FoldScores, mean_scores
from train.scores.registry import METRICS
from train.scores.targets import mean_score
from train.streams.arguments import CachePlace
from train.streams.stream_set import Source, resolved
from train.studies.claim_folder import CROSS_VALIDATION, claim_folder
from train.studies.ensemble import fit_seeds
from train.studies.jobs import filled_bank
from train.studies.options import RepeatOptions
from train.studies.parts import Part, Parts, files_of, fold_parts, kept

FloatArray = npt.NDArray[np.float64]
FOLDS, POOLED = CROSS_VALIDATION.file, "pooled.csv"
WHY_BIASED = (
    "biased, since each fold's head has its own offset, low where the labels of its fold are high; "
    "the mean over the folds is the figure to report"
)


class CrossValidation(NamedTuple):
    """A finished cross-validation.

    Attributes:
        result: the content of ``folds.json``.
        fits: labels and runs of each fold.
    """

    result: dict[str, Any]
    fits: list[tuple[Splits, list[Run]]]


def fit_folds(
    cache: CachePlace,
    labels: Labels,
    config: FitConfig,
    folding: Folding,
    options: RepeatOptions,
    seeds: int = 1,
) -> CrossValidation:
    """Fit one head for each fold on the clips of the others, or an ensemble, and score it on its own.

    Args:
        cache: folder of the cache; of several streams those by name.
        labels: of all clips.
        config: the recipe.
        folding: how clips are divided.
        options: where the runs go, and how.
        seeds: heads of each fold, from the config's seed on; their mean prediction counts.

    Raises:
        LabelError: if the clips cannot be divided, or labels and cache do not fit together.
        ConfigError: if no clip is left to report on, or the cache has not what the config asks for.
        AuditError: if a check of the audit fails and the options are strict.
        RunError: if the folder holds other runs.
    """
    if config.train_on_all:
        raise ConfigError("--train-on-all leaves no clip to report on; do without --folds")
    parts, progress = fold_parts([cache], labels, folding), Progress()
    claim_folder(options.out, CROSS_VALIDATION)
    folders = [options.out / part.name for part in parts.all]
    for folder in folders if not options.overwrite else []:
        _require_same_seeds(folder, config.seed, seeds)
    with opened(cache, config.missing) as reader:
        for part in parts.all:  # before anything is written
            part.require_plan(reader, config)
        audits = audit_folds(reader, parts.by_name, config.by_speaker)
        said = joined(audits)
        for line in [*options.said, *target_lines(labels), *weight_lines(labels), said.text()]:
            progress.line(line)
        if options.strict:
            said.require()
        make_folder(options.out)
        if not options.overwrite:
            config = as_begun(config, _runs_in(folders, config.seed, seeds), progress)
        parts = kept(parts, options.out, overwrite=options.overwrite)
        said.save(options.out)
        with threads_as_chosen():  # measured once, for all of them
            fits = _fit_each(reader, parts, config, options, _Shared(audits, seeds, progress))
        result = {
            "metric": config.metric,
            "folds": len(parts.all),
            "divided": parts.divided,
            **({"heads": seeds} if seeds > 1 else {}),
            **({"searched": _searched(config, options)} if options.configs else {}),
            **_scores(reader, parts, fits, options.out),
            **({"inputs": _inputs(cache, options.files, folding)} if options.files else {}),
        }
    tables = [path.name for part in parts.all for path in _tables(part, options.out)]
    write_sealed(options.out / FOLDS, result, (POOLED, *tables))
    return CrossValidation(result, fits)


def _searched(config: FitConfig, options: RepeatOptions) -> dict[str, dict[str, Any]]:
    """Return what each fold took of a search, by its name: the fields in which it differs from the common one."""
    common = asdict(config)
    return {
        name: {field: value for field, value in asdict(own).items() if value != common[field]}
        for name, own in options.configs.items()
    }


def _inputs(cache: CachePlace, files: LabelFiles, folding: Folding) -> dict[str, Any]:
    """Return what, beside the config, makes the same folds again."""
    return {
        **files.to_dict(),
        "cache": resolved(cache),
        "folds": LEAVE_ONE_OUT if folding.count is None else folding.count,
        "group": folding.group,
        "allow_speaker_overlap": folding.allow_overlap,
    }


class _Shared(NamedTuple):
    """What the fits of all folds share: audits by the folds' names, how many heads a fold has, where to report."""

    audits: dict[str, Audit]
    heads: int
    progress: Progress


def _fit_each(
    reader: Source, parts: Parts, config: FitConfig, options: RepeatOptions, shared: _Shared
) -> list[tuple[Splits, list[Run]]]:
    """Fit the heads of each fold; the features are read once for all."""
    heads, fits = shared.heads, []
    folders = {part.name: options.out / part.name for part in parts.all}
    runs = _runs_in(list(folders.values()), config.seed, heads)
    bank = None
    if options.overwrite or not all((run / METRICS_FILE).exists() for run in runs):
        configs = [config, *options.configs.values()]
        bank = filled_bank(reader, [part.labels for part in parts.all], configs, shared.progress)
    for part in parts.all:
        shared.progress.line(parts.spoken(part))
        own_config = options.configs.get(part.name, config)
        own, folder = SharedFit(bank, audit=shared.audits[part.name]), folders[part.name]
        if heads == 1:
            run = fit(reader, part.labels, own_config, folder, overwrite=options.overwrite, shared=own)
            fits.append((part.labels, [run]))
        else:
            within = RepeatOptions(folder, options.overwrite)
            fit_seeds(reader, part.labels, own_config, heads, within, own)
            loaded = load_run(folder)
            fits.append((part.labels, [loaded, *loaded.others]))
    return fits


def _runs_in(folders: Sequence[Path], seed: int, heads: int) -> list[Path]:
    """Return where the runs of each fold are, or will be."""
    if heads == 1:
        return list(folders)
    return [folder / f"seed-{number}" for folder in folders for number in range(seed, seed + heads)]


def _require_same_seeds(folder: Path, seed: int, heads: int) -> None:
    """Refuse a fold's folder with heads of other seeds, or of one seed where several are asked for.

    Raises:
        RunError: if it holds them.
    """
    found = {path.name for path in folder.glob("seed-[0-9]*")}
    wanted = {f"seed-{number}" for number in range(seed, seed + heads)} if heads > 1 else set()
    if found - wanted or (wanted and (folder / ENVIRONMENT_FILE).exists()):
        held = ", ".join(sorted(found)) or "a single head"
        asked = ", ".join(sorted(wanted)) or "a single head"
        raise RunError(
            f"{folder}: holds {held}, and {asked} is asked for; give a new folder with --out, "
            "the same --ensemble and --seed, or --overwrite"
        )


def _tables(part: Part, folder: Path) -> list[Path]:
    files = files_of(part, folder)
    return [path for path in (files.train, files.valid) if path]


def _scores(
    reader: Source, parts: Parts, fits: Sequence[tuple[Splits, Sequence[Run]]], out: Path
) -> dict[str, Any]:
    """Score each fold's heads on its clips; write what every clip got into the pooled table."""
    metric = fits[0][1][0].config.metric
    score, labels = METRICS.get(metric), parts.all[0].labels.train
    pieces = [_held_out(cached(split.valid, reader), runs) for split, runs in fits]
    rows = [
        [clip, number, *(f"{value:.9g}" for value in row)]
        for number, (kept, values) in enumerate(pieces, 1)
        for clip, row in zip(kept.written_ids, values, strict=True)
    ]
    write_csv(out / POOLED, [labels.id_column, "fold", *labels.names], rows)
    truth = np.concatenate([kept.targets for kept, _ in pieces])
    predictions = np.concatenate([values for _, values in pieces])
    scored = [Fold(kept.targets, values, kept.speakers) for kept, values in pieces]
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
                "run": part.name,
                "name": part.group,
                "clips": len(kept),
                "speakers": len({who for who in kept.speakers if who is not None}) or None,
                "score": mean_score(score, kept.targets, values),
            }
            for part, (kept, values) in zip(parts.all, pieces, strict=True)
        ],
        "pooled": {"score": mean_score(score, truth, predictions), "note": WHY_BIASED, "file": POOLED},
    }


def _held_out(kept: Labels, runs: Sequence[Run]) -> tuple[Labels, FloatArray]:
    """Return the cached clips of a fold, and what its heads predict for them on average (clips, targets)."""
    values = []
    for run in runs:
        path = verified(run.path / PREDICTIONS_FILE)
        found = predictions_in(read_table(path), kept.clip_ids, kept.names, path)
        values.append(found.astype(np.float32).astype(np.float64))  # nine digits give back the float32
    return kept, np.asarray(np.mean(values, axis=0))
