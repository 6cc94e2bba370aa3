"""Permutation test of a score: what the same predictions reach when they are given to the wrong clips."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.scores.folds import Fold, score_over_folds
from train.scores.leave_one_out import Clusters
from train.scores.registry import traits_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
PERMUTATIONS = 1000
ENOUGH_CLUSTERS = 6  # speakers (or clips): 720 orders
FEW_ORDERS = factorial(ENOUGH_CLUSTERS)


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
        by: "speaker" if speakers swapped their predictions, "clip" if clips did.
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
    who = [None] * len(labels) if clusters is None else clusters
    return permuted_within([Fold(labels, rows, who)], metric, permutations, seed)


def permuted_within(
    folds: Sequence[Fold], metric: str, permutations: int = PERMUTATIONS, seed: int = 0
) -> Null:
    """Return what ``permutation_null`` does, for predictions of folds: given to wrong clips of their own fold.

    In a fold of a single speaker, clips swap. ``by`` is "speaker or clip" where there are folds of both kinds.

    Args:
        folds: what the heads of each say of its clips.
        metric: a registered one.
        permutations: how many.
        seed: of the permutations.
    """
    speakers = [swapping(fold, whole=len(folds) == 1) for fold in folds]
    by = " or ".join(sorted({each.by for each in speakers}, reverse=True))
    rng, better = np.random.default_rng([seed, 3]), _better(metric)

    def drawn_once() -> float:
        pairs = zip(folds, speakers, strict=True)
        given = [f._replace(predictions=f.heads[:, _swapped(who.index, rng)]) for f, who in pairs]
        return score_over_folds(given, metric)

    observed = score_over_folds(folds, metric)
    drawn = np.array([drawn_once() for _ in range(permutations)])
    kept = drawn[~np.isnan(drawn)]
    if np.isnan(observed) or not len(kept):
        return Null(observed, np.nan, np.nan, np.nan, permutations, permutations - len(kept), by)
    as_good = int((better * kept >= better * observed).sum())
    return Null(
        observed=observed,
        mean=float(kept.mean()),
        upper=float(np.quantile(kept, 0.95 if better > 0 else 0.05)),
        p_value=(1 + as_good) / (1 + len(kept)),
        permutations=permutations,
        undefined=permutations - len(kept),
        by=by,
    )


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
    """Return ``permuted_within`` of the mean over folds, and of each fold alone.

    Args:
        folds: what the heads of each say of its clips.
        metric: a registered one.
        permutations: how many.
        seed: of the permutations.
    """
    alone = tuple(permuted_within([_of_clips(fold)], metric, permutations, seed) for fold in folds)
    orders = tuple(orders_of(swapping(fold).number) for fold in folds)
    return FoldsNull(permuted_within(folds, metric, permutations, seed), alone, orders)


def _of_clips(fold: Fold) -> Fold:
    """Return a fold without its speaker where it has a single one: its clips are to swap."""
    if swapping(fold).by == "clip":
        return fold._replace(speakers=[None] * len(fold.truth))
    return fold


def swapping(fold: Fold, *, whole: bool = False) -> Clusters:
    """Return which clips of a fold swap their predictions as one: those of a speaker, if there are several.

    Args:
        fold: its clips.
        whole: whether it is a plain split, in which clips of a single speaker have nobody to swap with.
    """
    speakers = Clusters.of(len(fold.truth), fold.speakers)
    return Clusters.of(len(fold.truth), None) if speakers.number < 2 and not whole else speakers


def orders_of(clusters: int) -> int:
    """Return in how many orders speakers (or clips) can swap their predictions; many are not counted."""
    return factorial(min(clusters, ENOUGH_CLUSTERS + 1))


def orders_within(folds: Sequence[Fold]) -> int:
    """Return in how many orders speakers (or clips) can swap their predictions within their folds."""
    return prod(orders_of(swapping(fold).number) for fold in folds)


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
