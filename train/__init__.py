"""Training: from a cache and labels to heads and their scores.

Names load when first used, so that importing the package (or asking for ``--help``) costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from train.config import FitConfig
    from train.fitting.fit import fit
    from train.heads.head import FusionHead, HeadShape
    from train.labels.read_tables import read_labels, read_splits
    from train.labels.tables import Labels, Splits
    from train.recipes.choose import recipe_config
    from train.runs.evaluate import evaluate
    from train.runs.export.emi_head import load_bundle
    from train.runs.predict import predict
    from train.runs.run_folder import Run, load_run
    from train.scores.holm import holm
    from train.scores.intervals import paired_difference, score_interval

__all__ = [
    "FitConfig",
    "FusionHead",
    "HeadShape",
    "Labels",
    "Run",
    "Splits",
    "evaluate",
    "fit",
    "holm",
    "load_bundle",
    "load_run",
    "paired_difference",
    "predict",
    "read_labels",
    "read_splits",
    "recipe_config",
    "score_interval",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "config": ("FitConfig",),
        "fitting.fit": ("fit",),
        "heads.head": ("FusionHead", "HeadShape"),
        "labels.read_tables": ("read_labels", "read_splits"),
        "labels.tables": ("Labels", "Splits"),
        "recipes.choose": ("recipe_config",),
        "runs.evaluate": ("evaluate",),
        "runs.export.emi_head": ("load_bundle",),
        "runs.predict": ("predict",),
        "runs.run_folder": ("Run", "load_run"),
        "scores.holm": ("holm",),
        "scores.intervals": ("paired_difference", "score_interval"),
    },
)
