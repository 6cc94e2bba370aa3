"""A picture of classes: how many clips of each were taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache.common.words import counted
from train.labels.classes import short_names
from train.runs.plots import INK, figure_of
from train.scores.classes import confusion, recall
from train.scores.wording import score_text

FloatArray = npt.NDArray[np.float64]


def plot_confusion(path: Path, truth: FloatArray, prediction: FloatArray, names: Sequence[str]) -> bool:
    """Draw the share of each class's clips (rows) that were taken for each class (columns), with their numbers.

    Args:
        path: of the PNG.
        truth: (clips, targets).
        prediction: (clips, targets); the highest one of a clip counts.
        names: of the targets.

    Returns:
        Whether there was anything to draw: nothing is where the labels are no classes.
    """
    counts = confusion(truth, prediction)
    if counts is None:
        return False
    rows = counts.sum(1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros_like(counts), where=rows > 0)
    shown, side = short_names(tuple(names)), 2.6 + 0.62 * len(names)
    with figure_of(path, (side + 0.6, side)) as axis:
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else INK
            axis.text(column, row, f"{count:.0f}", ha="center", va="center", color=colour, fontsize=9)
        axis.set_xticks(range(len(shown)), shown, rotation=40, ha="right")
        axis.set_yticks(range(len(shown)), shown)
        axis.set(xlabel="predicted highest", ylabel="label")
        uar = score_text(float(recall(truth, prediction).mean()))
        axis.set_title(f"{counted(len(truth), 'validation clip')}: UAR {uar}", loc="left")
    return True
