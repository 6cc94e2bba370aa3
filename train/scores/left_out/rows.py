"""Any metric without each speaker: the clips of the others are written out and scored anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from train.scores.registry import Metric

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def any_metric(score: Metric, truth: FloatArray, predictions: FloatArray, cluster: IntArray) -> FloatArray:
    """Return the scores (clusters, seeds) without each speaker, mean over emotions; NaN of no clips.

    Args:
        score: the metric's own function.
        truth: (clips, targets).
        predictions: (seeds, clips, targets).
        cluster: (clips,) number of each clip's speaker.
    """
    scores = np.full((int(cluster.max()) + 1, len(predictions)), np.nan)
    for number in range(len(scores)):
        kept = cluster != number
        if kept.any():
            scores[number] = [score(truth[kept], one[kept]).mean() for one in predictions]
    return scores
