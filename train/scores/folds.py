"""Scores over the folds of a cross-validation: each target's mean over the folds that have one, its interval."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.scores.estimates import Difference, Interval
from train.scores.intervals import interval_from, limits_of, speakers_part
from train.scores.jackknife import Jackknife, Part, part_of
from train.scores.leave_one_out import Clusters
from train.scores.registry import METRICS
from train.scores.targets import metrics_of, scores_of

FloatArray = npt.NDArray[np.float64]


class Fold(NamedTuple):
    """The clips that one head is scored on.

    Attributes:
        truth: (clips, targets) labels, NaN where missing.
        predictions: (clips, targets).
        speakers: (clips,) None where unknown.
    """

    truth: FloatArray
    predictions: FloatArray
    speakers: Sequence[Hashable | None]


def mean_scores(folds: Sequence[Fold], names: Sequence[str]) -> dict[str, Any]:
    """Return every metric's mean over folds, as ``score_all`` returns those of one split."""
    found = {}
    for metric in metrics_of(np.concatenate([fold.truth for fold in folds])):
        score = METRICS.get(metric)
        values = np.array([scores_of(score, fold.truth, fold.predictions) for fold in folds])
        each = mean_over_folds(values)
        per_target = {name: float(value) for name, value in zip(names, each, strict=True)}
        found[metric] = {"mean": float(each.mean()), "per_target": per_target}
    return found


def mean_over_folds(scores: FloatArray) -> FloatArray:
    """Return (targets,) the mean of scores (folds, targets) over the folds that have one; NaN where none has."""
    defined = np.isfinite(scores)
    total, counts = np.where(defined, scores, 0.0).sum(0), defined.sum(0)
    return np.asarray(np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0))


@dataclass(frozen=True)
class FoldScores:
    """Scores of one head a fold, target by target.

    A target that is constant among the clips of a fold has no correlation there: its mean is over the others.
    The folds' heads share training clips; how they vary with those is not in an interval.

    Attributes:
        metric: of the scores.
        parts: the speakers of each fold's clips.
        estimate: (folds, targets) NaN where undefined.
        without: of each fold (speakers, targets), the same without each speaker.
        names: of each fold, its speakers in that order.
    """

    metric: str
    parts: tuple[Clusters, ...]
    estimate: FloatArray
    without: tuple[FloatArray, ...]
    names: tuple[tuple[Hashable, ...], ...]

    @classmethod
    def of(cls, folds: Sequence[Fold], metric: str) -> FoldScores:
        """Return the scores of some folds by a registered metric."""
        parts = tuple(Clusters.of(len(fold.truth), fold.speakers) for fold in folds)
        rows = [
            [
                part.scores(fold.truth, fold.predictions[None], metric, target)
                for target in range(fold.truth.shape[1])
            ]
            for part, fold in zip(parts, folds, strict=True)
        ]
        estimate = np.array([[each.estimate[0] for each in row] for row in rows])
        without = tuple(np.stack([each.without[:, 0] for each in row], axis=1) for row in rows)
        names = tuple(
            tuple(
                dict.fromkeys(
                    (number, clip) if who is None else who for clip, who in enumerate(fold.speakers)
                )
            )
            if part.by == "speaker"
            else ()
            for number, (part, fold) in enumerate(zip(parts, folds, strict=True))
        )
        return cls(metric, parts, estimate, without, names)

    @cached_property
    def people(self) -> Clusters:
        """The speakers of all folds; one that has clips in several is one."""
        if not self._shares_speakers:
            return Clusters.joined(self.parts)
        who = [
            names[number] for part, names in zip(self.parts, self.names, strict=True) for number in part.index
        ]
        return Clusters.of(len(who), who)

    @property
    def _shares_speakers(self) -> bool:
        return any(set(one) & set(two) for one, two in combinations(self.names, 2))

    def number_of_folds(self, target: int) -> int:
        """Return in how many folds a target has a score."""
        return int(np.isfinite(self.estimate[:, target]).sum())

    def interval(self, target: int | None = None) -> Interval:
        """Return the mean over targets, or one of them, with its interval over the speakers of all folds."""
        weights = self._weights(target)
        estimate, jackknife = self._weighted(weights)
        return interval_from(self.people, estimate, jackknife, 1).within(*limits_of(self.metric))

    def less(self, other: FoldScores) -> Difference:
        """Return this mean less another one's on the same folds, where both have a score."""
        both = np.isfinite(self.estimate) & np.isfinite(other.estimate)
        gap = FoldScores(
            self.metric,
            self.parts,
            np.where(both, self.estimate - other.estimate, np.nan),
            tuple(one - two for one, two in zip(self.without, other.without, strict=True)),
            self.names,
        )
        estimate, jackknife = gap._weighted(gap._weights(None))
        lowest, highest = limits_of(self.metric)
        interval = interval_from(self.people, estimate, jackknife, 1)
        return Difference(interval.within(lowest - highest, highest - lowest), jackknife.p_value(estimate))

    def _weights(self, target: int | None) -> FloatArray:
        """Return what each score (folds, targets) counts in the mean; NaN if a target has none at all."""
        defined = np.isfinite(self.estimate)
        chosen = np.zeros(self.estimate.shape[1], dtype=np.bool_)
        chosen[slice(None) if target is None else target] = True
        counts = np.where(defined.sum(0) > 0, defined.sum(0), np.nan)
        return np.asarray(np.where(defined & chosen, 1.0, 0.0) / np.where(chosen, counts, 1.0) / chosen.sum())

    def _weighted(self, weights: FloatArray) -> tuple[float, Jackknife]:
        """Return the weighted sum of the scores, and its jackknife over the speakers of every fold."""
        estimate = float((weights * np.where(weights == 0, 0.0, self.estimate)).sum())
        sums, used = [], [row != 0 for row in weights]
        several = weights.any(0).sum() > 1  # one target alone has no interval where leaving out fails
        replicates = self._filled if several else self.without
        for row, chosen, without in zip(weights, used, replicates, strict=True):
            sums.append(without[:, chosen] @ row[chosen])
        if any(part.number < 2 for part in self.parts):
            return estimate, Jackknife([self._of_whole_folds(weights)], [])
        if self._shares_speakers:
            return estimate, Jackknife([self._of_shared_speakers(estimate, weights, sums)], [])
        pairs = zip(self.parts, sums, used, strict=True)
        return estimate, Jackknife(
            [speakers_part(part, each) for part, each, any_ in pairs if any_.any()], []
        )

    @cached_property
    def _filled(self) -> tuple[FloatArray, ...]:
        """Return ``without`` where a target that a speaker's absence leaves constant is no score of that fold.

        Its mean is over the other folds then, as it is for every target that a fold has no score of: the
        fold's value becomes that mean, which gives the same.
        """
        filled = []
        for fold, without in enumerate(self.without):
            rest = mean_over_folds(np.delete(self.estimate, fold, axis=0))
            filled.append(np.where(np.isfinite(without), without, rest))
        return tuple(filled)

    def _of_whole_folds(self, weights: FloatArray) -> Part:
        """Return the speakers' part where a fold is a single speaker: each fold is left out as a whole."""
        chosen = np.isfinite(weights).all(0) & (weights != 0).any(0)
        without = []
        for fold in range(len(self.parts)):
            others = np.delete(self.estimate[:, chosen], fold, axis=0)
            each = mean_over_folds(others)
            without.append(float(each.mean()) if len(each) else np.nan)
        return part_of(np.array(without))

    def _of_shared_speakers(self, estimate: float, weights: FloatArray, sums: Sequence[FloatArray]) -> Part:
        """Return the speakers' part where a speaker has clips in several folds: left out of all at once."""
        whole = (weights * np.where(weights == 0, 0.0, self.estimate)).sum(1)
        without: dict[Hashable, float] = {}
        for names, own, each in zip(self.names, whole, sums, strict=True):
            for name, value in zip(names, each, strict=True):
                without[name] = without.get(name, estimate) + float(value - own)
        return part_of(np.array(list(without.values())), self.people.effective)
