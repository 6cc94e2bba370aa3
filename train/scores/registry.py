"""The metrics that score intensities, by name; each loads when first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Metric = Callable[[npt.ArrayLike, npt.ArrayLike], npt.NDArray[np.float64]]

METRICS: Registry[Metric] = Registry("metric", ConfigError)
METRICS.add("pearson", "train.scores.metrics:pearson", "Pearson's correlation")
METRICS.add("ccc", "train.scores.metrics:ccc", "Lin's concordance correlation")
METRICS.add("spearman", "train.scores.metrics:spearman", "Spearman's rank correlation")
METRICS.add("mae", "train.scores.metrics:mae", "mean absolute error")

CHOOSING = ("pearson", "ccc", "spearman")  # those that may choose the epoch: more is better
