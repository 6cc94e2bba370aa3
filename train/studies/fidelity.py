"""Fidelity in clips → extract → cache → train → intensities: what a compact cache costs, in correlation.

The same small LSTM with the same seeds is fitted on both caches; the difference of their scores is paired
over clips (or speakers) and seeds.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from cache import CacheReader
from cache.format.recipe import is_made_from
from train.config import FitConfig
from train.errors import ConfigError
from train.labels.coverage import check_coverage, coverage
from train.labels.tables import Splits
from train.report.table import interval_text
from train.scores.intervals import paired_difference, score_interval
from train.studies.ablation import ablate
from train.studies.grid import Row

FULL, COMPACT = "full", "compact"


def require_pair(full: Path, compact: Path) -> None:
    """Refuse two caches of which the second was not made from the first.

    Raises:
        ConfigError: if it was not.
    """
    with CacheReader(full) as one, CacheReader(compact) as two:
        if not is_made_from(two.recipe, one.recipe):
            raise ConfigError(f"{compact}: was not made from {full}; give FULL, then a compact cache of it")


def fidelity(
    full: Path,
    compact: Path,
    labels: Splits,
    config: FitConfig,
    seeds: int,
    out: Path,
    workers: int,
) -> dict[str, Any]:
    """Fit one small head on both caches and compare.

    Args:
        full: path of the source cache.
        compact: path of the cache that was made from it.
        labels: of the fits.
        config: of the head.
        seeds: from 0.
        out: folder of the study, which can be continued.
        workers: processes at once.

    Returns:
        ``metric``, ``full``, ``compact`` and ``difference`` (compact minus full) as intervals, ``p``.

    Raises:
        ConfigError: if the second cache was not made from the first.
        LabelError: if one of them holds too few of the labelled clips.
    """
    require_pair(full, compact)
    for path in (full, compact):
        _require_coverage(path, labels, config.min_coverage)
    rows = [Row(FULL, config, FULL), Row(COMPACT, config, COMPACT)]
    caches = {FULL: full, COMPACT: compact}
    study = ablate(caches, labels, rows, range(seeds), out, workers=workers)
    values = {name: study.predictions(study.row(name)) for name in caches}
    metric, speakers = study.metric, study.speakers
    difference = paired_difference(study.truth, values[COMPACT], values[FULL], metric, speakers)
    each = {name: asdict(score_interval(study.truth, values[name], metric, speakers)) for name in caches}
    text = (
        f"{FULL:<8} {metric} {each[FULL]['estimate']:.3f}   {COMPACT:<8} {metric} {each[COMPACT]['estimate']:.3f}\n"
        f"difference (compact − full)  {interval_text(difference.interval)}, p {difference.p_value:.3f}\n\n"
        f"{study.caption} {difference.interval.caption}"
    )
    return {
        "metric": metric,
        **each,
        "difference": asdict(difference.interval),
        "p": difference.p_value,
        "seeds": seeds,
        "text": text,
    }


def _require_coverage(path: Path, labels: Splits, least: float) -> None:
    """Refuse a cache that lacks many clips: the common clips of both would hide it."""
    with CacheReader(path) as reader:
        for part in (labels.train, labels.valid):
            check_coverage(coverage(part, reader), part, reader, least)
