"""Scores over folds, of one seed or several: each target's mean over the folds that have one, its interval.

A plain split is one fold, and is scored as ``intervals`` does.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.scores.estimates import Difference, Interval
from train.scores.fold_table import FoldTable, mean_over_folds
from train.scores.intervals import difference_of, interval_from, interval_of, limits_of, speakers_part
from train.scores.jackknife import Jackknife, Part, part_of, part_of_seeds
from train.scores.leave_one_out import Clusters, LeftOut
from train.scores.registry import METRICS
from train.scores.targets import mean_score, metrics_of, scores_of

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Fold(NamedTuple):
    """The clips of a fold, and what its heads say of them.

    Attributes:
        truth: (clips, targets) labels, NaN where missing.
        predictions: (seeds, clips, targets), or (clips, targets) of a single head.
        speakers: (clips,) None where unknown.
    """

    truth: FloatArray
    predictions: FloatArray
    speakers: Sequence[Hashable | None]

    @property
    def heads(self) -> FloatArray:
        """The predictions (seeds, clips, targets)."""
        return self.predictions if self.predictions.ndim == 3 else self.predictions[None]

    def take(self, positions: npt.NDArray[np.int64]) -> Fold:
        """Return some of the clips."""
        who = [self.speakers[position] for position in positions]
        return Fold(self.truth[positions], self.heads[:, positions], who)


def mean_scores(folds: Sequence[Fold], names: Sequence[str]) -> dict[str, Any]:
    """Return every metric's mean over folds and seeds, as ``score_all`` returns those of one split."""
    found = {}
    for metric in metrics_of(np.concatenate([fold.truth for fold in folds])):
        each = mean_over_folds(np.array([_mean_over_seeds(fold, metric) for fold in folds]))
        per_target = {name: float(value) for name, value in zip(names, each, strict=True)}
        found[metric] = {"mean": float(each.mean()), "per_target": per_target}
    return found


def score_over_folds(folds: Sequence[Fold], metric: str) -> float:
    """Return the mean over targets of their means over folds and seeds; NaN where a target has none."""
    if len(folds) == 1:
        score = METRICS.get(metric)
        return float(np.mean([mean_score(score, folds[0].truth, one) for one in folds[0].heads]))
    return float(mean_over_folds(np.array([_mean_over_seeds(fold, metric) for fold in folds])).mean())


def _mean_over_seeds(fold: Fold, metric: str) -> FloatArray:
    score = METRICS.get(metric)
    return np.asarray(np.mean([scores_of(score, fold.truth, one) for one in fold.heads], axis=0))


class FoldScores:
    """Scores of the heads of each fold, one seed or several, target by target.

    A target that is constant among the clips of a fold has no correlation there: its mean is over the others.
    The folds' heads share training clips; how they vary with those is not in an interval.

    Args:
        folds: what the heads say of each fold's clips, with as many seeds each.
        metric: a registered one.
    """

    def __init__(self, folds: Sequence[Fold], metric: str) -> None:
        self.metric = metric
        self._folds = tuple(folds)
        self._parts = tuple(Clusters.of(len(fold.truth), fold.speakers) for fold in folds)

    @classmethod
    def of(cls, folds: Sequence[Fold], metric: str) -> FoldScores:
        """Return the scores of some folds by a registered metric."""
        return cls(folds, metric)

    @cached_property
    def _alone(self) -> LeftOut:
        """The scores of a plain split, mean over targets."""
        (fold,), (part,) = self._folds, self._parts
        return part.scores(fold.truth, fold.heads, self.metric)

    @cached_property
    def _each(self) -> FoldTable:
        estimate, without = [], []
        for part, fold in zip(self._parts, self._folds, strict=True):
            row = [part.scores(fold.truth, fold.heads, self.metric, k) for k in range(fold.truth.shape[1])]
            estimate.append(np.stack([each.estimate for each in row], axis=-1))
            without.append(np.stack([each.without for each in row], axis=-1))
        return FoldTable(tuple(estimate), tuple(without))

    @cached_property
    def _names(self) -> tuple[tuple[Hashable, ...], ...]:
        """The speakers of each fold, in the order of their numbers; a clip stands for itself without one."""
        return tuple(
            tuple(dict.fromkeys((n, clip) if who is None else who for clip, who in enumerate(fold.speakers)))
            for n, fold in enumerate(self._folds)
        )

    @property
    def seeds(self) -> int:
        """How many seeds each fold has."""
        return len(self._folds[0].heads)

    @property
    def each_seed(self) -> FloatArray:
        """The score of each seed, (seeds,): mean over targets of their means over folds."""
        if len(self._folds) == 1:
            return self._alone.estimate
        return self._sums(self._each, self._weights(self._each.mean, None))[0]

    def number_of_folds(self, target: int) -> int:
        """Return in how many folds a target has a score."""
        return int(np.isfinite(self._each.mean[:, target]).sum())

    def interval(self, target: int | None = None) -> Interval:
        """Return the mean over targets, or one of them, with its interval over speakers and seeds."""
        if len(self._folds) == 1 and target is None:
            return interval_of(self._parts[0], self._alone, self.metric)
        weights = self._weights(self._each.mean, target)
        estimate, jackknife = self._jackknife(weights, self._each, [self._each])
        people = self._people(weights)
        return interval_from(people, estimate, jackknife, self.seeds).within(*limits_of(self.metric))

    def less(self, other: FoldScores) -> Difference:
        """Return this mean less another one's on the same folds, where both have a score.

        With as many seeds as the other, seeds are paired by position.
        """
        if len(self._folds) == 1:
            return difference_of(self._parts[0], self._alone, other._alone, self.metric)
        if self.seeds == other.seeds:
            gap = self._each.less(other._each)
            sources = [gap]
        else:
            gap = self._each.averaged().less(other._each.averaged())
            sources = [self._each, other._each]
        weights = self._weights(gap.mean, None)
        estimate, jackknife = self._jackknife(weights, gap, sources)
        lowest, highest = limits_of(self.metric)
        seeds = max(self.seeds, other.seeds)
        interval = interval_from(self._people(weights), estimate, jackknife, seeds)
        return Difference(interval.within(lowest - highest, highest - lowest), jackknife.p_value(estimate))

    def _weights(self, scores: FloatArray, target: int | None) -> FloatArray:
        """Return what each score (folds, targets) counts in the mean; NaN if a target has none at all."""
        defined = np.isfinite(scores)
        chosen = np.zeros(scores.shape[1], dtype=np.bool_)
        chosen[slice(None) if target is None else target] = True
        counts = np.where(defined.sum(0) > 0, defined.sum(0), np.nan)
        return np.asarray(np.where(defined & chosen, 1.0, 0.0) / np.where(chosen, counts, 1.0) / chosen.sum())

    def _people(self, weights: FloatArray) -> Clusters:
        """Return the speakers of the folds that count; one that has clips in several is one."""
        used = (weights != 0).any(1)
        chosen = [n for n in range(len(self._parts)) if used[n] or not used.any()]
        if all(self._parts[n].by == "clip" for n in chosen):
            return Clusters.joined([self._parts[n] for n in chosen])
        who = [self._names[n][number] for n in chosen for number in self._parts[n].index]
        return Clusters.of(len(who), who)

    def _sums(self, each: FoldTable, weights: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """Return the weighted sums: (seeds,), and of each fold (speakers, seeds) its share without each speaker."""
        total = np.zeros(each.estimate[0].shape[0])
        shares = []
        for row, estimate, without in zip(weights, each.estimate, each.without, strict=True):
            used = row != 0
            total = total + estimate[:, used] @ row[used]
            shares.append(without[..., used] @ row[used])
        return total, shares

    def _jackknife(
        self, weights: FloatArray, each: FoldTable, seeds_of: Sequence[FoldTable]
    ) -> tuple[float, Jackknife]:
        """Return the weighted mean, and its jackknife over the speakers of every fold and over seeds.

        Args:
            weights: (folds, targets).
            each: scores, or differences of two rows'.
            seeds_of: what seeds are counted of: the same, or both rows where their seeds are not paired.
        """
        estimate = float(self._sums(each, weights)[0].mean())
        if weights.any(0).sum() > 1:  # one target alone has no interval where leaving out fails
            each, seeds_of = each.filled(), [one.filled() for one in seeds_of]
        parts, used = self._parts, (weights != 0).any(1)
        apart = all(part.number > 1 for part, any_ in zip(parts, used, strict=True) if any_)
        if apart and not self._shares_speakers:
            _, shares = self._sums(each, weights)
            speakers = [
                speakers_part(p, s.mean(1)) for p, s, any_ in zip(parts, shares, used, strict=True) if any_
            ]
        else:
            speakers = [self._part_of_people(weights, self._without_people(weights, each.averaged())[:, 0])]
        found: list[Part] = []
        for one in seeds_of:
            total, shares = self._sums(one, weights)
            if len(total) > 1 and apart and not self._shares_speakers:
                strata = [share for share, any_ in zip(shares, used, strict=True) if any_]
                found.append(part_of_seeds(total, *strata))
            elif len(total) > 1:
                found.append(part_of_seeds(total, self._without_people(weights, one)))
        return estimate, Jackknife(speakers, found)

    @cached_property
    def _shares_speakers(self) -> bool:
        return any(set(one) & set(two) for one, two in combinations(self._names, 2))

    def _part_of_people(self, weights: FloatArray, without: FloatArray) -> Part:
        """Return the speakers' part; folds of one speaker count alike, however many clips they have."""
        used = (weights != 0).any(1)
        single = all(part.number < 2 for part, any_ in zip(self._parts, used, strict=True) if any_)
        if len(without) < 2:
            return Part(np.nan, 1.0)
        return part_of(without, None if single else self._people(weights).effective)

    def _without_people(self, weights: FloatArray, each: FoldTable) -> FloatArray:
        """Return the mean (people, seeds) without each speaker, who is left out of all folds at once.

        A fold that has nobody else is left out as a whole: the mean is over the others.
        """
        used = weights != 0
        chosen = used.any(0)
        places = [{who: number for number, who in enumerate(names)} for names in self._names]
        people = list(dict.fromkeys(who for n in np.flatnonzero(used.any(1)) for who in places[n]))
        found = np.full((len(people), each.estimate[0].shape[0]), np.nan)
        for position, who in enumerate(people):
            left = []
            for n, place in enumerate(places):
                values = np.where(used[n], each.estimate[n], np.nan)
                if who in place:
                    values = np.where(used[n], each.without[n][place[who]], np.nan)
                    if len(place) > 1 and np.isnan(values[:, used[n]]).any():
                        break  # undefined without them: there is no interval
                left.append(values)
            else:
                stacked = np.stack(left)[..., chosen]
                found[position] = [mean_over_folds(stacked[:, seed]).mean() for seed in range(found.shape[1])]
        return found
