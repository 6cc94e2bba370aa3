"""Fidelity of a compact cache: the same small head with the same seeds on both caches, and their difference.

The difference of their scores is paired over clips (or speakers) and seeds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cache import CacheReader
from train.config import FitConfig
from train.errors import ConfigError
from train.labels.coverage import check_coverage, coverage
from train.labels.tables import Splits
from train.scores.estimates import Difference, Interval
from train.studies.ablation import ablate
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.parts import Parts, whole
from train.studies.scored import fold_scores

FULL, COMPACT = "full", "compact"


@dataclass(frozen=True)
class Fidelity:
    """What a compact cache costs.

    Attributes:
        metric: of the scores.
        full: score on the full cache.
        compact: score on the compact cache.
        difference: compact minus full, paired.
        seeds: heads on each cache.
        caption: of the study that fitted them.
    """

    metric: str
    full: Interval
    compact: Interval
    difference: Difference
    seeds: int
    caption: str

    def to_dict(self) -> dict[str, Any]:
        """Return ``metric``, ``full``, ``compact`` and ``difference`` as intervals, ``p`` and ``seeds``."""
        return {
            "metric": self.metric,
            FULL: asdict(self.full),
            COMPACT: asdict(self.compact),
            "difference": asdict(self.difference.interval),
            "p": self.difference.p_value,
            "seeds": self.seeds,
        }


def require_pair(full: Path, compact: Path) -> None:
    """Refuse two caches of which the second was not made from the first.

    Raises:
        ConfigError: if it was not.
    """
    with CacheReader(full) as one, CacheReader(compact) as two:
        if not two.recipe.is_made_from(one.recipe):
            raise ConfigError(f"{compact}: was not made from {full}; give FULL, then a compact cache of it")


def fidelity(
    full: Path, compact: Path, labels: Splits | Parts, config: FitConfig, options: StudyOptions
) -> Fidelity:
    """Fit one small head on both caches and compare.

    Args:
        full: path of the source cache.
        compact: path of the cache that was made from it.
        labels: of the fits, a split or folds.
        config: of the head.
        options: seeds, processes, and the folder of the study, which can be continued.

    Raises:
        ConfigError: if the second cache was not made from the first.
        LabelError: if one of them holds too few of the labelled clips.
    """
    require_pair(full, compact)
    for path in (full, compact):
        for part in whole(labels).all:
            _require_coverage(path, part.labels, config.min_coverage)
    rows = [Row(FULL, config, FULL), Row(COMPACT, config, COMPACT)]
    study = ablate({FULL: full, COMPACT: compact}, labels, rows, options)
    theirs, ours = (fold_scores(study, study.row(name)) for name in (FULL, COMPACT))
    return Fidelity(
        metric=study.metric,
        full=theirs.interval(),
        compact=ours.interval(),
        difference=ours.less(theirs),
        seeds=len(options.seeds),
        caption=study.caption,
    )


def _require_coverage(path: Path, labels: Splits, least: float) -> None:
    """Refuse a cache that lacks many clips: the common clips of both would hide it."""
    with CacheReader(path) as reader:
        for part in (labels.train, labels.valid):
            check_coverage(coverage(part, reader), part, reader, least)
