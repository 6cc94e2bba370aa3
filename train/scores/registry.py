"""The metrics: which there are, where they are computed, and what statistics, tables and pictures need to know.

A new metric is one module with its function, and one ``register_metric``; it is then computed for every run,
given an interval, permuted and shown. Nothing here loads numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import LabelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Metric = Callable[[npt.ArrayLike, npt.ArrayLike], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class MetricTraits:
    """What is known of a metric beside its values.

    Attributes:
        sign: what tables and pictures call it.
        lowest: value that a score can have.
        highest: value that a score can have.
        higher_is_better: whether a higher score is a better one.
        correlation: whether it is one, so that the design effect of an assumed ICC holds.
        of_classes: whether it takes the targets together, as classes: it is computed where they are such, and the
            score of one target needs the columns of all.
        left_out: ``module:attribute`` of a function that returns the scores (speakers, seeds) without each
            speaker, mean over targets; called with labels (clips, targets), predictions (seeds, clips,
            targets) and the number of each clip's speaker (clips,). None: the other clips are scored anew.
    """

    sign: str
    lowest: float = -1.0
    highest: float = 1.0
    higher_is_better: bool = True
    correlation: bool = False
    of_classes: bool = False
    left_out: str | None = None


METRICS: Registry[Metric] = Registry("metric", LabelError)
CHOOSING = ("pearson", "ccc", "spearman", "uar", "macro-f1")  # those that may choose the epoch
_TRAITS: dict[str, MetricTraits] = {}


def register_metric(name: str, home: str, help: str, traits: MetricTraits) -> None:
    """Register a metric.

    Args:
        name: what users call it.
        home: ``module:attribute`` of a function of labels and predictions, both (clips, targets), which
            returns the score (targets,) of each column, NaN where it is undefined.
        help: one line.
        traits: what else is known of it.

    Raises:
        ValueError: if the name is taken.
    """
    METRICS.add(name, home, help)
    _TRAITS[name] = traits


def forget_metric(name: str) -> None:
    """Take a metric out again, as a test does with its own."""
    METRICS.remove(name)
    del _TRAITS[name]


def traits_of(name: str) -> MetricTraits:
    """Return what is known of a metric.

    Raises:
        LabelError: if there is none of this name.
    """
    METRICS.require(name)
    return _TRAITS[name]


register_metric(
    "pearson",
    "train.scores.metrics:pearson",
    "Pearson's correlation",
    MetricTraits("ρ", correlation=True, left_out="train.scores.left_out.sums:pearson"),
)
register_metric(
    "ccc",
    "train.scores.metrics:ccc",
    "Lin's concordance correlation",
    MetricTraits("CCC", correlation=True, left_out="train.scores.left_out.sums:ccc"),
)
register_metric(
    "spearman",
    "train.scores.metrics:spearman",
    "Spearman's rank correlation",
    MetricTraits("Spearman's ρ", correlation=True, left_out="train.scores.left_out.ranks:spearman"),
)
register_metric(
    "mae",
    "train.scores.metrics:mae",
    "mean absolute error, in the labels' unit",
    MetricTraits("MAE", 0.0, inf, higher_is_better=False, left_out="train.scores.left_out.sums:mae"),
)
register_metric(
    "uar",
    "train.scores.classes:recall",
    "recall of each class; the mean is the unweighted average recall",
    MetricTraits("UAR", 0.0, of_classes=True),
)
register_metric(
    "macro-f1",
    "train.scores.classes:f1",
    "F1 of each class; the mean is macro F1",
    MetricTraits("macro F1", 0.0, of_classes=True),
)
