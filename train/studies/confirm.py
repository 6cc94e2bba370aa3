"""Confirmation: the reference and the best rows of a compact cache, fitted again on the full one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cache import CacheReader
from train.config import FitConfig
from train.files import METRICS_FILE
from train.fitting.task import plan_fit
from train.labels.tables import Splits
from train.runs.run_folder import read_metrics
from train.scores.registry import METRICS
from train.scores.targets import mean_score
from train.studies.ablation import ablate
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.study import RowResult, Study, save_study

CONFIRMED = "confirmed"  # folder in that of the study
BEST = 2  # rows that are confirmed, besides the reference


def require_confirmable(full: Path, labels: Splits, reference: Row) -> None:
    """Refuse, before the first fit, a cache on which not even the reference could be fitted.

    Raises:
        ConfigError: if it has not the fields of the reference.
        LabelError: if labels and cache do not fit together.
    """
    with CacheReader(full) as reader:
        plan_fit(reader, labels, reference.config)


def confirm_rows(study: Study, full: Path, labels: Splits, options: StudyOptions) -> Study:
    """Fit the reference and the best rows of a study again on the full cache, with the same seeds.

    The best are picked by their scores on the inner part of the training clips, which say nothing of the clips
    reported on. Where the epoch was not chosen there, they are picked by the clips reported on, and p-values are
    corrected for all the differences they were picked from.

    Args:
        study: of a compact cache.
        full: path of the cache it was made from.
        labels: of the study.
        options: of the study.

    Returns:
        A study of those rows, in a folder of the first.
    """
    chosen = chosen_rows(study)
    rows = [Row(row.name, FitConfig.from_dict(row.config, row.name), "full") for row in chosen]
    out = study.path / CONFIRMED
    confirmed = ablate({"full": full}, labels, rows, replace(options, out=out, tune=False))
    family = 0 if picked_apart(study) else sum(map(is_head, study.rows)) - 1
    where = "the inner part of the training clips" if picked_apart(study) else "the clips reported on"
    caption = f"{confirmed.caption} Rows picked by their scores on {where}."
    confirmed = replace(confirmed, family=family, caption=caption)
    save_study(confirmed)
    return confirmed


def is_head(row: RowResult) -> bool:
    """Whether a row is one of heads; the baselines below an ablation have no config to fit again."""
    return "lstm" in row.config


def picked_apart(study: Study) -> bool:
    """Whether the rows have scores on clips that are not reported on."""
    return all(row.config["select"] == "inner" for row in study.rows if is_head(row))


def chosen_rows(study: Study) -> Sequence[RowResult]:
    """Return the reference, then the rows with the best scores."""
    score = _inner_score if picked_apart(study) else _reported_score
    scored = [(score(study, row), row) for row in study.rows if is_head(row)]
    pairs = [(value, row) for value, row in scored if math.isfinite(value)]
    best = [row for _, row in sorted(pairs, key=lambda pair: -pair[0])]
    reference = study.row(study.reference)
    return [reference, *[row for row in best if row.name != reference.name][:BEST]]


def _inner_score(study: Study, row: RowResult) -> float:
    """Return the mean over seeds of the scores by which the epochs were chosen; NaN if one is undefined."""
    scores = [read_metrics(study.path / run / METRICS_FILE)["selection_score"] for run in row.runs]
    return float(np.mean([math.nan if score is None else score for score in scores]))


def _reported_score(study: Study, row: RowResult) -> float:
    metric = METRICS.get(study.metric)
    return float(np.mean([mean_score(metric, study.truth, one) for one in study.predictions(row)]))
