"""Permutation test of a score: what the same predictions reach when they are given to the wrong clips."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.scores.folds import Fold, mean_over_folds
from train.scores.leave_one_out import Clusters
from train.scores.registry import METRICS, traits_of
from train.scores.targets import mean_of, mean_score, scores_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
PERMUTATIONS = 1000
ENOUGH_CLUSTERS = 6  # speakers (or clips): 720 orders


@dataclass(frozen=True)
class Null:
    """Scores of predictions that were given to the wrong clips.

    Attributes:
        observed: score of the predictions as they are; NaN if undefined.
        mean: of the scores under permutation.
        upper: their 95th percentile: a score below it is nothing.
        p_value: share of permutations that score at least as well, one-sided; NaN if undefined.
        permutations: how many.
        undefined: those without a score, left out.
        by: "speaker" if speakers swapped their predictions, "clip" if clips did; "speaker or clip" over folds
            of both kinds.
    """

    observed: float
    mean: float
    upper: float
    p_value: float
    permutations: int
    undefined: int
    by: str


def permutation_null(
    truth: npt.ArrayLike,
    predictions: npt.ArrayLike,
    metric: str,
    clusters: Sequence[Hashable | None] | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Null:
    """Return how a score compares with those of the same predictions given to the wrong clips.

    Clips of one speaker are alike, in labels and in predictions. So where speakers are known they swap their
    predictions whole: the clips of one are given those of another, repeated where the other has too few.
    Shuffled clip by clip, the null would be too narrow.

    Args:
        truth: (clips, targets).
        predictions: (seeds, clips, targets); all seeds are permuted alike.
        metric: a registered one.
        clusters: (clips,) speakers, None where unknown.
        permutations: how many.
        seed: of the permutations.
    """
    labels, rows = np.asarray(truth, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    speakers = Clusters.of(len(labels), clusters)
    rng, metric_of = np.random.default_rng([seed, 3]), METRICS.get(metric)

    def score(given: FloatArray) -> float:
        return float(np.mean([mean_score(metric_of, labels, one) for one in given]))

    drawn = np.array([score(rows[:, _swapped(speakers.index, rng)]) for _ in range(permutations)])
    return _null(score(rows), drawn, metric, speakers.by)


class FoldsNull(NamedTuple):
    """What chance reaches in a cross-validation.

    Attributes:
        mean: of the mean over folds.
        folds: of each fold alone.
        orders: in how many orders the predictions of each fold can be given; many are not counted.
    """

    mean: Null
    folds: tuple[Null, ...]
    orders: tuple[int, ...]

    @property
    def orders_together(self) -> int:
        """In how many orders the predictions of all folds can be given."""
        return prod(self.orders)


def null_of_folds(
    folds: Sequence[Fold], metric: str, permutations: int = PERMUTATIONS, seed: int = 0
) -> FoldsNull:
    """Return how a cross-validation compares with the same predictions given to the wrong clips of each fold.

    Predictions stay within their fold: each head has its own offset, which is not what is asked about. A fold
    of a single speaker has nobody to swap with: there its clips swap theirs.

    Args:
        folds: labels, predictions and speakers of each.
        metric: a registered one; the mean over targets of each target's mean over the folds that have one.
        permutations: how many.
        seed: of the permutations.
    """
    rng, metric_of = np.random.default_rng([seed, 5]), METRICS.get(metric)
    parts = [Clusters.of(len(fold.truth), fold.speakers) for fold in folds]
    parts = [
        Clusters.of(len(fold.truth), None) if part.number < 2 else part
        for part, fold in zip(parts, folds, strict=True)
    ]
    found = np.array([scores_of(metric_of, fold.truth, fold.predictions) for fold in folds])
    drawn = np.array(
        [
            [
                scores_of(metric_of, fold.truth, fold.predictions[_swapped(part.index, rng)])
                for part, fold in zip(parts, folds, strict=True)
            ]
            for _ in range(permutations)
        ]
    )  # (permutations, folds, targets)
    means = np.array([mean_over_folds(each).mean() for each in drawn])
    kinds = {part.by for part in parts}
    return FoldsNull(
        _null(float(mean_over_folds(found).mean()), means, metric, " or ".join(sorted(kinds, reverse=True))),
        tuple(
            _null(
                mean_of(found[at], fold.truth),
                np.array([mean_of(each[at], fold.truth) for each in drawn]),
                metric,
                part.by,
            )
            for at, (fold, part) in enumerate(zip(folds, parts, strict=True))
        ),
        tuple(orders_of(part.number) for part in parts),
    )


def _null(observed: float, drawn: FloatArray, metric: str, by: str) -> Null:
    """Compare a score with those of permutations (permutations,), NaN where undefined."""
    better, kept = _better(metric), drawn[~np.isnan(drawn)]
    if np.isnan(observed) or not len(kept):
        return Null(observed, np.nan, np.nan, np.nan, len(drawn), len(drawn) - len(kept), by)
    as_good = int((better * kept >= better * observed).sum())
    return Null(
        observed=observed,
        mean=float(kept.mean()),
        upper=float(np.quantile(kept, 0.95 if better > 0 else 0.05)),
        p_value=(1 + as_good) / (1 + len(kept)),
        permutations=len(drawn),
        undefined=len(drawn) - len(kept),
        by=by,
    )


def orders_of(clusters: int) -> int:
    """Return in how many orders speakers (or clips) can swap their predictions; many are not counted."""
    return factorial(min(clusters, ENOUGH_CLUSTERS + 1))


def has_few_orders(clusters: int) -> bool:
    """Whether there are so few orders that the true one is often among the permutations."""
    return clusters <= ENOUGH_CLUSTERS


def _better(metric: str) -> int:
    """Return 1 if a higher score is a better one, else -1."""
    return 1 if traits_of(metric).higher_is_better else -1


def _swapped(cluster: IntArray, rng: np.random.Generator) -> IntArray:
    """Return which clip's predictions each clip gets: those of another speaker, in a random order."""
    mixed = np.lexsort((rng.random(len(cluster)), cluster))  # speaker by speaker, clips in a random order
    sizes = np.bincount(cluster)
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(cluster), dtype=np.int64)  # of each clip within its speaker
    place[mixed] = np.arange(len(cluster)) - np.repeat(starts, sizes)
    giver = rng.permutation(len(sizes))[cluster]
    return np.asarray(mixed[starts[giver] + place % sizes[giver]], dtype=np.int64)
