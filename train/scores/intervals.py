"""Intervals and tests: how far to believe a score, or a difference of two.

A score is the mean over seeds of each seed's score (itself the mean over emotions), never the score of
averaged predictions, which is an ensemble. It would come out differently with other speakers and with other
seeds, so both count; clips of one speaker are alike and stay together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from train.scores.estimates import Difference, Interval
from train.scores.jackknife import LEVEL, Jackknife, Part, part_of, part_of_seeds
from train.scores.leave_one_out import Clusters, LeftOut
from train.scores.registry import traits_of
from train.scores.wording import few_clusters_warning, two_seeds_warning

FloatArray = npt.NDArray[np.float64]
FEW_SEEDS = 2  # with one degree of freedom Student's t is 12.7
FEW_CLUSTERS = 20  # effective speakers, or clips where they are unknown; below, a warning


def score_interval(
    truth: npt.ArrayLike,
    predictions: npt.ArrayLike,
    metric: str,
    clusters: Sequence[Hashable | None] | None = None,
    target: int | None = None,
) -> Interval:
    """Return the mean score over seeds and its 95 % interval over speakers and seeds.

    Student's t with the jackknife's standard error, at any number of speakers: see ``Jackknife``.

    Args:
        truth: (clips, targets), NaN where a label is missing.
        predictions: (seeds, clips, targets).
        metric: a registered one; mean over targets.
        clusters: (clips,) speakers; None where unknown: then each clip stands for itself.
        target: position of the one whose score is wanted, in place of the mean over all.

    Raises:
        LabelError: if the shapes do not fit together, or the metric is unknown.
    """
    if target is not None and not traits_of(metric).of_classes:
        truth, predictions = np.asarray(truth)[:, [target]], np.asarray(predictions)[..., [target]]
        target = None
    truth, predictions, clusters = _with_a_label(truth, predictions, clusters)
    people = Clusters.of(len(truth), clusters)
    return interval_of(people, people.scores(truth, predictions, metric, target), metric)


def paired_difference(
    truth: npt.ArrayLike,
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    metric: str,
    clusters: Sequence[Hashable | None] | None = None,
) -> Difference:
    """Return the difference of two mean scores, ours less theirs, with its interval and p-value.

    The p-value is below .05 exactly where the interval does not hold 0.

    Args:
        truth: (clips, targets), NaN where a label is missing.
        ours: (seeds, clips, targets); with as many seeds as ``theirs``, seeds are paired by position.
        theirs: (seeds, clips, targets) predictions for the same clips.
        metric: a registered one; mean over targets.
        clusters: (clips,) speakers; None where unknown: then each clip stands for itself.

    Raises:
        LabelError: if the shapes do not fit together, or the metric is unknown.
    """
    _, theirs, _ = _with_a_label(truth, theirs, clusters)
    truth, ours, clusters = _with_a_label(truth, ours, clusters)
    people = Clusters.of(len(truth), clusters)
    first, second = (people.scores(truth, rows, metric) for rows in (ours, theirs))
    return difference_of(people, first, second, metric)


def _with_a_label(
    truth: npt.ArrayLike, predictions: npt.ArrayLike, clusters: Sequence[Hashable | None] | None
) -> tuple[FloatArray, FloatArray, Sequence[Hashable | None] | None]:
    """Leave out the clips without any label: their speakers say nothing, and would count as if they did."""
    one, two = np.asarray(truth, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if one.ndim != 2 or not np.isnan(one).any() or two.ndim != 3 or two.shape[1] != len(one):
        return one, two, clusters
    some = np.asarray(~np.isnan(one).all(1))
    if clusters is not None and len(clusters) == len(one):
        clusters = [who for who, kept in zip(clusters, some.tolist(), strict=True) if kept]
    return one[some], two[:, some], clusters


def limits_of(metric: str) -> tuple[float, float]:
    """Return the lowest and the highest value that a score can have."""
    traits = traits_of(metric)
    return traits.lowest, traits.highest


def interval_of(clusters: Clusters, scores: LeftOut, metric: str) -> Interval:
    """Return the interval of one row; a table computes each row's scores once."""
    jackknife = Jackknife([speakers_part(clusters, scores.without.mean(1))], _seeds(scores))
    estimate = float(scores.estimate.mean())
    return interval_from(clusters, estimate, jackknife, len(scores.estimate)).within(*limits_of(metric))


def difference_of(clusters: Clusters, ours: LeftOut, theirs: LeftOut, metric: str) -> Difference:
    """Return the paired difference of two rows that were scored on the same clips by ``metric``."""
    without = ours.without.mean(1) - theirs.without.mean(1)
    if len(ours.estimate) == len(theirs.estimate):
        seeds = _seeds(LeftOut(ours.estimate - theirs.estimate, ours.without - theirs.without))
    else:
        seeds = [*_seeds(ours), *_seeds(theirs)]
    estimate = float(ours.estimate.mean() - theirs.estimate.mean())
    jackknife = Jackknife([speakers_part(clusters, without)], seeds)
    lowest, highest = limits_of(metric)
    interval = interval_from(clusters, estimate, jackknife, max(len(ours.estimate), len(theirs.estimate)))
    return Difference(interval.within(lowest - highest, highest - lowest), jackknife.p_value(estimate))


def assumed_icc(icc: float, clips_per_speaker: float) -> float:
    """Return how many times wider a clip-level interval of a correlation would be if speakers were known.

    Clips of one speaker share a part ``icc`` of the variance of labels and of predictions. What a clip adds
    to a correlation is a product of the two, whose intra-class correlation is ``icc²`` where the correlation
    is small. So the variance grows by Kish's design effect 1 + (clips per speaker − 1) · icc².
    """
    return float(np.sqrt(1 + (clips_per_speaker - 1) * icc**2))


def speakers_part(clusters: Clusters, without: FloatArray) -> Part:
    """Return the part of a variance that comes from speakers; undefined with a single one."""
    if len(without) < 2:
        return Part(np.nan, 1.0)
    return part_of(without, clusters.effective)


def _seeds(scores: LeftOut) -> list[Part]:
    """Return the part of a variance that comes from seeds; none with a single one."""
    if len(scores.estimate) < 2 or len(scores.without) < 2:
        return []
    return [part_of_seeds(scores.estimate, scores.without)]


def interval_from(clusters: Clusters, estimate: float, jackknife: Jackknife, seeds: int) -> Interval:
    """Return an estimate with the ends that its jackknife gives, and warnings of few speakers or seeds.

    One seed has no warning: its caption says that what varies between seeds is not in the interval at all.
    """
    ends = jackknife.interval(estimate)
    warnings = []
    if ends.method != "none" and clusters.effective < FEW_CLUSTERS:
        warnings.append(few_clusters_warning(clusters.number, clusters.effective, clusters.by))
    if ends.method != "none" and seeds == FEW_SEEDS:
        warnings.append(two_seeds_warning())
    return Interval(
        estimate=estimate,
        low=ends.low,
        high=ends.high,
        level=LEVEL,
        by=clusters.by,
        clusters=clusters.number,
        effective=clusters.effective,
        seeds=seeds,
        method=ends.method,
        warnings=tuple(warnings),
    )
