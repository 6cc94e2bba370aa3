"""Scores fold by fold and target by target, and the same without each speaker."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def mean_over_folds(scores: FloatArray) -> FloatArray:
    """Return (targets,) the mean of scores (folds, targets) over the folds that have one; NaN where none has."""
    defined = np.isfinite(scores)
    total, counts = np.where(defined, scores, 0.0).sum(0), defined.sum(0)
    return np.asarray(np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0))


class FoldTable(NamedTuple):
    """Scores fold by fold and target by target.

    Attributes:
        estimate: of each fold (seeds, targets), NaN where undefined.
        without: of each fold (speakers, seeds, targets), the same without each speaker.
    """

    estimate: tuple[FloatArray, ...]
    without: tuple[FloatArray, ...]

    @property
    def mean(self) -> FloatArray:
        """The scores (folds, targets): means over seeds; NaN where a seed has none."""
        return np.stack([each.mean(0) for each in self.estimate])

    def less(self, other: FoldTable) -> FoldTable:
        """Return the differences, seed by seed."""
        return FoldTable(
            tuple(one - two for one, two in zip(self.estimate, other.estimate, strict=True)),
            tuple(one - two for one, two in zip(self.without, other.without, strict=True)),
        )

    def filled(self) -> FoldTable:
        """Return the same where a target that a speaker's absence leaves constant is no score of that fold.

        Its mean is over the other folds then, as it is for every target that a fold has no score of: the fold's
        value becomes that mean, which gives the same.
        """
        defined = np.isfinite(self.mean)[:, None]
        known = np.where(defined, np.stack(self.estimate), np.nan)  # (folds, seeds, targets)
        without = []
        for fold, each in enumerate(self.without):
            others = np.delete(known, fold, axis=0)
            rest = np.stack([mean_over_folds(others[:, seed]) for seed in range(others.shape[1])])
            without.append(np.where(np.isfinite(each), each, rest))
        return FoldTable(self.estimate, tuple(without))

    def averaged(self) -> FoldTable:
        """Return the means over seeds, as those of a single one."""
        return FoldTable(
            tuple(each.mean(0, keepdims=True) for each in self.estimate),
            tuple(each.mean(1, keepdims=True) for each in self.without),
        )
