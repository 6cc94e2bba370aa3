"""Confirmation: the reference and the best rows of a compact cache, fitted again on the full one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cache import CacheReader
from train.config import FitConfig
from train.fitting.task import plan_fit
from train.labels.tables import Splits
from train.studies.ablation import ablate
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.scored import score_rows
from train.studies.study import RowResult, Study

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

    Args:
        study: of a compact cache.
        full: path of the cache it was made from.
        labels: of the study.
        options: of the study.

    Returns:
        A study of those rows, in a folder of the first.
    """
    rows = [Row(row.name, FitConfig.from_dict(row.config, row.name), "full") for row in chosen_rows(study)]
    return ablate({"full": full}, labels, rows, replace(options, out=study.path / CONFIRMED, tune=False))


def is_head(row: RowResult) -> bool:
    """Whether a row is one of heads; the baselines below an ablation have no config to fit again."""
    return "lstm" in row.config


def chosen_rows(study: Study) -> Sequence[RowResult]:
    """Return the reference, then the rows with the best scores."""
    scores = [interval.estimate for interval in score_rows(study).intervals]
    scored = zip(scores, study.rows, strict=True)
    pairs = [(score, row) for score, row in scored if math.isfinite(score) and is_head(row)]
    best = [row for _, row in sorted(pairs, key=lambda pair: -pair[0])]
    reference = study.row(study.reference)
    return [reference, *[row for row in best if row.name != reference.name][:BEST]]
