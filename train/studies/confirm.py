"""Confirmation in clips → extract → cache → train → intensities: what a compact cache found, on the full one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from cache import CacheReader
from train.config import FitConfig
from train.fitting.task import plan_fit
from train.labels.tables import Splits
from train.report.table import score_rows
from train.studies.ablation import ablate
from train.studies.grid import Row
from train.studies.study import RowResult, Study

BEST = 2  # rows that are confirmed, besides the reference


def require_confirmable(full: Path, labels: Splits, reference: Row) -> None:
    """Refuse, before the first fit, a cache on which not even the reference could be fitted.

    Raises:
        ConfigError: if it has not the fields of the reference.
        LabelError: if labels and cache do not fit together.
    """
    with CacheReader(full) as reader:
        plan_fit(reader, labels, reference.config)


def confirm_rows(study: Study, full: Path, labels: Splits, workers: int) -> Study:
    """Fit the reference and the best rows of a study again on the full cache, with the same seeds.

    Args:
        study: of a compact cache.
        full: path of the cache it was made from.
        labels: of the study.
        workers: processes at once.

    Returns:
        A study of those rows, in the folder ``confirmed`` of the first.
    """
    seeds = range(len(study.rows[0].runs))
    rows = [Row(row.name, FitConfig(**row.config), "full") for row in chosen_rows(study)]
    return ablate({"full": full}, labels, rows, seeds, study.path / "confirmed", workers=workers)


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
