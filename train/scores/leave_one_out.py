"""Leaving out: what a score would be without each speaker, who is left out with all of their clips.

How a score without a speaker is computed is the metric's own affair (``train.scores.registry``): from sums,
from ranks, or row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cache.common.registry import attribute_of
from train.errors import LabelError
from train.labels.missing import alike, labelled
from train.scores.left_out.rows import any_metric
from train.scores.registry import METRICS, traits_of
from train.scores.targets import Score, mean_score

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class LeftOut(NamedTuple):
    """What leaving out says about one row of a table.

    Attributes:
        estimate: (seeds,) score on all clips, mean over emotions; NaN where undefined.
        without: (clusters, seeds) the same without each speaker.
    """

    estimate: FloatArray
    without: FloatArray


@dataclass(frozen=True)
class Clusters:
    """Which clips belong together: those of one speaker, or each by itself.

    Attributes:
        index: (clips,) number of each clip's speaker; of the clip itself where speakers are unknown.
        by: "speaker", or "clip" where no speaker is known.
    """

    index: IntArray
    by: str

    @classmethod
    def of(cls, clips: int, speakers: Sequence[Hashable | None] | None) -> Clusters:
        """Number the speakers in the order of their first clip.

        Args:
            clips: number of clips.
            speakers: (clips,) of each clip; a clip whose speaker is None stands for itself. None, or no
                speaker at all: every clip stands for itself.

        Raises:
            LabelError: if there is not one speaker per clip.
        """
        if speakers is None or all(name is None for name in speakers):
            return cls(np.arange(clips), "clip")
        if len(speakers) != clips:
            raise LabelError(f"{len(speakers)} speakers for {clips} clips; there must be one per clip")
        numbers: dict[object, int] = {}
        keys = [("clip", i) if name is None else ("speaker", name) for i, name in enumerate(speakers)]
        return cls(
            np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64), "speaker"
        )

    @classmethod
    def joined(cls, parts: Sequence[Clusters]) -> Clusters:
        """Return the clusters of all clips of several parts, which share no speaker."""
        starts = np.cumsum([0, *(part.number for part in parts)])
        index = np.concatenate([part.index + start for part, start in zip(parts, starts, strict=False)])
        return cls(index, "speaker" if all(part.by == "speaker" for part in parts) else "clip")

    @cached_property
    def sizes(self) -> IntArray:
        """Clips of each speaker, (clusters,)."""
        return np.bincount(self.index)

    @property
    def number(self) -> int:
        """How many speakers (or clips) there are."""
        return len(self.sizes)

    @property
    def effective(self) -> float:
        """How many speakers of equal size would say as much: (Σn)² / Σn² (Kish 1965, section 11.7)."""
        squares = float((self.sizes.astype(np.float64) ** 2).sum())
        return len(self.index) ** 2 / squares if squares else 0.0

    def scores(
        self, truth: npt.ArrayLike, predictions: npt.ArrayLike, metric: str, target: int | None = None
    ) -> LeftOut:
        """Score one row of a table on all clips, and without each speaker.

        Args:
            truth: (clips, targets).
            predictions: (seeds, clips, targets).
            metric: a registered one.
            target: position of the one whose score is wanted; None for the mean over all.

        Raises:
            LabelError: if the shapes do not fit together, or the metric is unknown.
        """
        labels, rows = _checked(truth, predictions, metric, len(self.index))
        score = METRICS.get(metric)
        if target is not None and traits_of(metric).of_classes:
            score = partial(_score_of_one, score, target)
        elif target is not None:
            labels, rows = labels[:, [target]], rows[..., [target]]
        estimate = np.array([mean_score(score, labels, one) for one in rows])
        if np.isnan(estimate).all() or self.number < 2:
            return LeftOut(estimate, np.full((self.number, len(rows)), np.nan))
        quick = traits_of(metric).left_out
        without: Callable[..., FloatArray] = attribute_of(quick) if quick else partial(any_metric, score)
        if not np.isnan(labels).any():
            return LeftOut(estimate, without(labels, rows, self.index))
        return LeftOut(estimate, self._where_labelled(score, without, labels, rows))

    def _where_labelled(
        self, score: Score, without: Callable[..., FloatArray], labels: FloatArray, rows: FloatArray
    ) -> FloatArray:
        """Return the scores (clusters, seeds) without each speaker, each target over the clips that have its label.

        A speaker without a label of a target leaves its score as it is.
        """
        total = np.zeros((self.number, len(rows)))
        for targets, clips in alike(labels):
            if not clips.any():
                continue
            truth, said = labels[np.ix_(clips, targets)], rows[:, clips][..., targets]
            speakers, cluster = np.unique(self.index[clips], return_inverse=True)
            each = np.tile([score(truth, one).mean() for one in said], (self.number, 1))
            each[speakers] = without(truth, said, cluster) if len(speakers) > 1 else np.nan
            total += each * len(targets)
        return np.asarray(total / labelled(labels).sum())


def _score_of_one(score: Score, target: int, truth: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return the score (1,) of one target by a metric that takes all of them together."""
    return score(truth, prediction)[[target]]


def _checked(
    truth: npt.ArrayLike, predictions: npt.ArrayLike, metric: str, clips: int
) -> tuple[FloatArray, FloatArray]:
    METRICS.require(metric)
    one, two = np.asarray(truth, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if one.ndim != 2 or two.ndim != 3 or two.shape[1:] != one.shape or not len(two) or len(one) != clips:
        raise LabelError(
            f"truth has shape {one.shape}, predictions {two.shape}; expected ({clips}, targets) "
            f"and (seeds, {clips}, targets)"
        )
    return one, two
