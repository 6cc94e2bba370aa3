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
from train.scores.folds import score_over_folds
from train.studies.ablation import ablate
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.parts import Parts, whole
from train.studies.study import RowResult, Study, save_study

CONFIRMED = "confirmed"  # folder in that of the study
BEST = 2  # rows that are confirmed, besides the reference


def require_confirmable(full: Path, labels: Splits | Parts, reference: Row) -> None:
    """Refuse, before the first fit, a cache on which not even the reference could be fitted.

    Raises:
        ConfigError: if it has not the fields of the reference.
        LabelError: if labels and cache do not fit together.
    """
    with CacheReader(full) as reader:
        for part in whole(labels).all:
            plan_fit(reader, part.labels, reference.config)


def confirm_rows(study: Study, full: Path, labels: Splits | Parts, options: StudyOptions) -> Study:
    """Fit the reference and the best rows of a study again on the full cache, with the same seeds.

    The best are picked by their scores on the inner part of the training clips, which say nothing of the clips
    reported on. Where the epoch was not chosen there, they are picked by the clips reported on, and p-values are
    corrected for all the differences they were picked from. Of folds they always are: the inner parts of some are
    clips that others report on.

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
    again = replace(
        options,
        out=study.path / CONFIRMED,
        tune=False,
        rates={row.name: row.rates for row in chosen if row.rates},
    )
    confirmed = ablate({"full": full}, labels, rows, again)
    inner = picked_apart(study)
    family = 0 if inner and not study.folds else sum(map(is_head, study.rows)) - 1
    where = "the inner part of the training clips" if inner else "the clips reported on"
    if inner and study.folds:
        where = "the inner parts of all folds, which hold clips that other folds report on"
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
    return score_over_folds(study.scored(row), study.metric)
