"""How well a student says what its teacher says of people it has not heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.fitting.distil.lessons import Lessons
from train.scores.evidence import described
from train.scores.intervals import score_interval

FloatArray = npt.NDArray[np.float64]
METRIC = "ccc"
ROUNDING = 1e-9  # of a sum of squares, below which a variance is none


def scores_of(
    lessons: Lessons, held: FloatArray, sums: FloatArray, speakers: Sequence[str | None]
) -> dict[str, Any]:
    """Return the agreement with the teacher, as JSON values.

    Args:
        lessons: with what the teacher says.
        held: (clips, dimensions) what a student says that had not heard the clip; NaN of clips never held out.
        sums: over frames of held-out clips, as ``Training`` has them.
        speakers: (clips,) None where unknown.

    Returns:
        ``clips`` held out; ``ccc``: of clips, the mean and each dimension with its interval; ``frame_ccc`` of each;
        ``hidden_r2``: share of the variance of the teacher's components that the frames give; None without, or
        where they do not vary.
    """
    count, dimensions = len(lessons.dimensions), list(lessons.dimensions)
    found: dict[str, Any] = {"frames": int(sums[0, 0])}
    if count:
        at = np.flatnonzero(~np.isnan(held).any(1))
        truth, said, who = lessons.clips[at], held[at][None], [speakers[i] for i in at.tolist()]
        intervals = [score_interval(truth, said, METRIC, who, k) for k in range(count)]
        found["clips"] = len(at)
        found["ccc"] = {
            "mean": described(score_interval(truth, said, METRIC, who)),
            **{name: described(each) for name, each in zip(dimensions, intervals, strict=True)},
        }
        found["frame_ccc"] = dict(zip(dimensions, _concordance(sums[:count]).tolist(), strict=True))
    found["hidden_r2"] = _share(sums[count:]) if len(sums) > count else None
    return found


def _concordance(sums: FloatArray) -> FloatArray:
    """Return Lin's concordance of each output over all held-out frames."""
    number, x, y, xx, yy, xy = sums.T
    mean_x, mean_y = x / number, y / number
    shared = xy / number - mean_x * mean_y
    spread = xx / number - mean_x**2 + yy / number - mean_y**2 + (mean_x - mean_y) ** 2
    return np.asarray(2 * shared / np.maximum(spread, 1e-12))


def _share(sums: FloatArray) -> float | None:
    """Return 1 less what is left of the variance, of all components together."""
    number, x, _, xx, yy, xy = sums.T
    left, variance = (xx - 2 * xy + yy).sum(), (xx - x**2 / number).sum()
    return float(1 - left / variance) if variance > ROUNDING * xx.sum() else None
