"""Floor of a table in clips → extract → cache → train → intensities: the baselines, in the same table.

They predict the same clips, so that their differences from the reference are paired like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from train.config import FitConfig
from train.labels.tables import Splits
from train.studies.baselines import baseline
from train.studies.grid import Row
from train.studies.study import Study, save_study

FLOOR = "floor"  # folder of the baselines in that of the ablation
PREFIX = "baseline: "


def with_floor(study: Study, cache: Path, labels: Splits, rows: Sequence[Row]) -> Study:
    """Fit the baselines on a study's clips, and return the study with their rows below its own.

    Args:
        study: of an ablation.
        cache: the baselines' cache.
        labels: of the fits.
        rows: of the ablation; the first one's layer, metric and seed count.

    Returns:
        The study with its floor, also in its folder.
    """
    first = rows[0].config
    config = FitConfig(
        layer=first.layer,
        metric=first.metric,
        seed=first.seed,
        min_coverage=0.0,  # what the cache lacks was accepted before the rows were fitted
        select="last",  # every training clip is learned from
    )
    floor = baseline(cache, labels, config, study.path / FLOOR)
    added = [
        replace(row, name=PREFIX + row.name, runs=tuple(f"{FLOOR}/{run}" for run in row.runs))
        for row in floor.rows
    ]
    whole = replace(study, rows=(*study.rows, *added))
    save_study(whole)
    return whole
