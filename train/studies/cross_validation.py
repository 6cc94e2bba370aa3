"""Cross-validation in clips → extract → cache → train → intensities: each clip is reported on once.

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
from cache.common.console import Progress, counted
from cache.common.durable import storage_errors
from train.config import FitConfig
from train.errors import ConfigError
from train.files import write_csv, write_json
from train.fitting.fit import SharedFit, fit
from train.labels.folds import Folding, divide
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.labels.tables import Labels, target_lines
from train.runs.predict import predict
from train.runs.run_folder import Run
from train.scores.evidence import described, shown_interval
from train.scores.intervals import interval_of_folds
from train.scores.metrics import METRICS, shown

IntArray = npt.NDArray[np.int64]
FOLDS, POOLED = "folds.json", "pooled.csv"
WHY_BIASED = (
    "biased, since each fold's head has its own offset, low where the labels of its fold are high; "
    "the mean over the folds is the figure to report"
)


def fit_folds(
    cache: Path,
    labels: Labels,
    config: FitConfig,
    out: Path,
    folding: Folding,
    *,
    overwrite: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Fit one head for each fold on the clips of the others, and score it on its own.

    Args:
        cache: folder of the cache.
        labels: of all clips.
        config: the recipe.
        out: folder of the folds.
        folding: how clips are divided.
        overwrite: replace runs in ``out``.
        strict: refuse to fit when a check of the audit fails.

    Returns:
        The content of ``folds.json``.

    Raises:
        LabelError: if the clips cannot be divided, or labels and cache do not fit together.
        ConfigError: if no clip is left to report on, or the cache has not what the config asks for.
        AuditError: if a check of the audit fails and ``strict`` is on.
        RunError: if ``out`` holds other runs.
    """
    if config.train_on_all:
        raise ConfigError("--train-on-all leaves no clip to report on; do without --folds")
    runs, parts = [], divide(labels, folding)
    for line in target_lines(labels):
        Progress().line(line)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts, 1):
        rest, folder = np.setdiff1d(np.arange(len(labels)), part), out / f"fold-{number}"
        tables = (out / f"fold-{number}.train.csv", out / f"fold-{number}.valid.csv")
        for where, path in zip((rest, part), tables, strict=True):
            _write_labels(path, labels.take(where.tolist()))
        splits = read_files(LabelFiles(*tables, targets=labels.names))
        runs.append(fit(cache, splits, config, folder, overwrite=overwrite, shared=SharedFit(strict=strict)))
    found = _scores(cache, labels, runs, parts, out)
    by = (
        "by speaker"
        if folding.group
        else "by clip, so that speakers are in training and in the fold: too high"
    )
    found = {"metric": config.metric, "folds": folding.count, "divided": by, **found}
    write_json(out / FOLDS, found)
    return found


def folds_text(found: dict[str, Any]) -> str:
    """Return what a person reads after a cross-validation."""
    lines = [f"{found['folds']} folds, divided {found['divided']}", ""]
    for fold in found["runs"]:
        people = "" if fold["speakers"] is None else f" of {counted(fold['speakers'], 'speaker')}"
        lines.append(f"{fold['run']:<8}  {shown(fold['score']):>9}  {counted(fold['clips'], 'clip')}{people}")
    lines += ["", f"mean {found['metric']} over the folds {shown_interval(found['mean'])}"]
    lines += [f"  {found['mean']['caption']}", ""]
    lines.append(f"pooled {shown(found['pooled']['score'])}: {found['pooled']['note']}")
    return "\n".join(lines)


def _write_labels(path: Path, labels: Labels) -> None:
    """Write labels as a table that reads back to the same bits."""
    rows = [
        [clip, *map(repr, row.tolist()), who or ""]
        for clip, row, who in zip(labels.written_ids, labels.targets, labels.speakers, strict=True)
    ]
    write_csv(path, [labels.id_column, *labels.names, "speaker"], rows)


def _scores(
    cache: Path, labels: Labels, runs: Sequence[Run], parts: Sequence[IntArray], out: Path
) -> dict[str, Any]:
    metric = METRICS[runs[0].config.metric]
    pieces, rows, described_runs = [], [], []
    with CacheReader(cache) as reader:
        for number, (run, part) in enumerate(zip(runs, parts, strict=True), 1):
            kept = labels.take([int(i) for i in part if labels.clip_ids[i] in reader])
            values = predict(run, reader, kept.clip_ids, device=run.config.device).values
            pieces.append((kept, values))
            cells = ([f"{value:.9g}" for value in row] for row in values)
            rows += [[clip, number, *row] for clip, row in zip(kept.written_ids, cells, strict=True)]
            people = len({who for who in kept.speakers if who is not None}) or None
            score = float(metric(kept.targets, values).mean())
            described_runs.append(
                {"run": run.path.name, "clips": len(kept), "speakers": people, "score": score}
            )
    write_csv(out / POOLED, [labels.id_column, "fold", *labels.names], rows)
    truth, predictions = (
        np.concatenate(each) for each in zip(*((k.targets, v) for k, v in pieces), strict=True)
    )
    triples = [(kept.targets, values, kept.speakers) for kept, values in pieces]
    mean = interval_of_folds(triples, runs[0].config.metric)
    pooled = {"score": float(metric(truth, predictions).mean()), "note": WHY_BIASED, "file": POOLED}
    return {"mean": described(mean), "runs": described_runs, "pooled": pooled}
