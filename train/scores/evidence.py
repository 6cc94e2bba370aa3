"""Evidence for a score: its interval, what chance alone reaches, the scores of groups of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.labels.tables import Labels
from train.scores.estimates import Interval
from train.scores.folds import Fold, FoldScores
from train.scores.intervals import assumed_icc, score_interval
from train.scores.permutation import PERMUTATIONS, permutation_null
from train.scores.registry import traits_of
from train.scores.wording import interval_caption, why_no_interval

FloatArray = npt.NDArray[np.float64]
# Hume-Vidmimic2: 17,246 clips of some 557 people.
CLIPS_PER_SPEAKER = 31.0


@dataclass(frozen=True)
class EvidenceOptions:
    """Which evidence is wanted for a score.

    Attributes:
        metric: a registered one; None takes the run's.
        by: column that divides the clips into groups, or "duration"; None for no groups.
        permutations: behind the null; 0 for none.
        icc: part of the variance that clips of one speaker are assumed to share, where speakers are unknown.
        clips_per_speaker: assumed with ``icc``.
    """

    metric: str | None = None
    by: str | None = None
    permutations: int = PERMUTATIONS
    icc: float | None = None
    clips_per_speaker: float = CLIPS_PER_SPEAKER


def evidence(
    labels: Labels,
    predictions: FloatArray,
    metric: str,
    options: EvidenceOptions,
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return what stands behind a score, as JSON values.

    Args:
        labels: of the clips.
        predictions: (seeds, clips, targets).
        metric: if the options name none.
        options: which evidence is wanted.
        groups: (clips,) the group of each clip, if any are asked for.

    Returns:
        ``metric``; ``interval`` of the mean over emotions and ``per_target``, with captions; ``null``,
        ``assumed_icc`` and ``groups`` where asked for.
    """
    metric, truth, speakers = options.metric or metric, labels.targets, labels.speakers
    whole = score_interval(truth, predictions, metric, speakers)
    each = {
        name: score_interval(truth, predictions, metric, speakers, k) for k, name in enumerate(labels.names)
    }
    values: dict[str, Any] = {
        "metric": metric,
        "interval": described(whole),
        "per_target": {name: described(interval) for name, interval in each.items()},
    }
    if options.permutations:
        null = permutation_null(truth, predictions, metric, speakers, options.permutations)
        values["null"] = asdict(null)
    if options.icc is not None and whole.by == "clip" and traits_of(metric).correlation:
        values["assumed_icc"] = _widened(whole, options.icc, options.clips_per_speaker)
    if groups is not None:
        values["groups"] = group_scores([Fold(truth, predictions, speakers)], [groups], metric)
    return values


def described(interval: Interval) -> dict[str, Any]:
    """Return an interval with its caption and why it has no ends, as JSON values."""
    return {
        **asdict(interval),
        "caption": interval_caption(interval),
        "why_none": why_no_interval(interval),
    }


def _widened(interval: Interval, icc: float, clips_per_speaker: float) -> dict[str, float]:
    """Return the interval that clips of unknown speakers would have if those of one were so alike."""
    factor = assumed_icc(icc, clips_per_speaker)
    wide = interval.widened(factor)
    return {
        "icc": icc,
        "clips_per_speaker": clips_per_speaker,
        "factor": factor,
        "low": wide.low,
        "high": wide.high,
    }


def group_scores(folds: Sequence[Fold], groups: Sequence[Sequence[str]], metric: str) -> list[dict[str, Any]]:
    """Return the score of each group of clips with its interval, as JSON values.

    Args:
        folds: what the heads of each say of its clips; a plain split is one. A group's score is the mean over
            the folds that have one.
        groups: of the clips of each fold.
        metric: a registered one.
    """
    found = []
    for name in sorted({group for each in groups for group in each}):
        where = [np.flatnonzero(np.array(each) == name) for each in groups]
        parts = [fold.take(at) for fold, at in zip(folds, where, strict=True) if len(at)]
        people = {who for part in parts for who in part.speakers if who is not None}
        clips = sum(len(part.truth) for part in parts)
        interval = FoldScores.of(parts, metric).interval()
        found.append({"group": name, "clips": clips, "speakers": len(people) or None, **described(interval)})
    return found
