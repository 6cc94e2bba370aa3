"""Pictures of a cross-validation: predictions with their folds marked, and a learning curve for each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from train.runs.plots import BLUE, COLOURS, COLUMNS, GRID, MUTED, ORANGE, colours_of, panels_of
from train.scores.fold_table import mean_over_folds
from train.scores.folds import Fold
from train.scores.registry import METRICS
from train.scores.targets import scores_of
from train.scores.wording import metric_sign, score_text, typeset

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]
FEW_LABELS = 7  # different labels of a target: clips of one label stand on each other
CURVES_IN_A_ROW = 4


def plot_pooled(path: Path, folds: Sequence[Fold], names: Sequence[str], metric: str) -> None:
    """Draw labels against predictions, one panel per target, each fold in its colour with its own line.

    The lines show the offset of each fold's head, which is why all points together have no correlation of use.

    Args:
        path: of the PNG.
        folds: labels and predictions of each.
        names: of the targets.
        metric: whose mean over folds each panel shows.
    """
    scores = mean_over_folds(
        np.array([scores_of(METRICS.get(metric), fold.truth, fold.predictions) for fold in folds])
    )
    colours, sign = colours_of(len(folds)), metric_sign(metric)
    with panels_of(path, len(names), min(COLUMNS, len(names))) as (figure, axes):
        moved = [
            _panel(axis, [_labelled(f.truth[:, k], f.predictions[:, k]) for f in folds], colours)
            for k, axis in enumerate(axes)
        ]
        for axis, name, score in zip(axes, names, scores, strict=True):
            axis.set_title(f"{name}   {sign} {typeset(score_text(float(score)))}", loc="left")
        many = f"; dark to light: fold 1 to {len(folds)}" if len(folds) > len(COLOURS) else ""
        figure.suptitle(
            f"{sum(len(fold.truth) for fold in folds)} clips in {len(folds)} folds, {sign}: mean over folds{many}",
            x=0.01, ha="left", fontsize=12,
        )  # fmt: skip
        aside = " (folds drawn side by side)" if any(moved) else ""
        figure.supxlabel(f"label{aside}", fontsize=10)
        figure.supylabel("prediction of the head that has not seen the clip", fontsize=10)
        if len(folds) <= len(COLOURS):
            handles = [axes[0].plot([], [], "o", color=colour, markersize=5)[0] for colour in colours]
            figure.legend(
                handles, [f"fold {number}" for number in range(1, len(folds) + 1)],
                loc="outside upper right", ncols=len(folds) if len(names) > 1 else 4,
            )  # fmt: skip


def plot_fold_histories(
    path: Path, histories: Mapping[str, FloatArray], chosen: Sequence[int], what: str, *, heights: bool = True
) -> None:
    """Draw one panel per fold with its curve and a dot where its epoch was kept.

    Args:
        path: of the PNG.
        histories: name of each fold → value per epoch.
        chosen: (folds,) epoch kept, from 1.
        what: what the values are.
        heights: whether those of panels compare: not where folds have losses of their own.
    """
    from matplotlib.ticker import MaxNLocator

    columns = min(CURVES_IN_A_ROW, len(histories))
    with panels_of(path, len(histories), columns, share=True, heights=heights) as (figure, axes):
        for axis, (name, values), epoch in zip(axes, histories.items(), chosen, strict=True):
            axis.plot(np.arange(1, len(values) + 1), values, color=BLUE, linewidth=1.5, zorder=2)
            if 1 <= epoch <= len(values):
                axis.plot(epoch, values[epoch - 1], "o", color=ORANGE, markersize=5, zorder=3)
            axis.set_title(name, loc="left", fontsize=10)
            axis.grid(axis="y", color=GRID, zorder=0)
            axis.margins(x=0.05, y=0.12)
            axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        figure.suptitle(f"{what}; dot: epoch kept", x=0.01, ha="left", fontsize=12)
        figure.supxlabel("epoch", fontsize=10)


def _labelled(truth: FloatArray, prediction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the clips that have a label of this target."""
    known = np.isfinite(truth)
    return truth[known], prediction[known]


def beside_each_other(truth: Sequence[FloatArray]) -> list[float]:
    """Return how far each fold's points move sideways: not at all unless a target has few different labels."""
    values = np.unique(np.concatenate(list(truth)))
    if not 2 <= len(values) <= FEW_LABELS or len(truth) < 2:
        return [0.0] * len(truth)
    room = 0.5 * float(np.diff(values).min())
    return [float(x) for x in np.linspace(-room / 2, room / 2, len(truth))]


def _panel(axis: Axes, folds: Sequence[tuple[FloatArray, FloatArray]], colours: Sequence[Any]) -> bool:
    """Draw one target; return whether folds were moved sideways."""
    clips = sum(len(truth) for truth, _ in folds)
    alpha = float(np.clip(120 / max(1, clips), 0.1, 0.6))
    moved = beside_each_other([truth for truth, _ in folds])
    every = np.concatenate([values for pair in folds for values in pair] if clips else [[0.0, 1.0]])
    margin = 0.05 * float(np.ptp(every)) or 0.5
    limits = (float(every.min()) - margin + min(moved), float(every.max()) + margin + max(moved))
    axis.plot(limits, limits, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for (truth, prediction), colour, step in zip(folds, colours, moved, strict=True):
        axis.scatter(truth + step, prediction, s=12, color=colour, alpha=alpha, linewidths=0, zorder=2)
        if (
            len(truth) > 1 and np.ptp(truth) > 1e-6 * np.abs(truth).max()
        ):  # as the metrics call a column constant
            slope, offset = np.polyfit(truth, prediction, 1)
            ends = np.array([truth.min(), truth.max()])
            axis.plot(ends + step, slope * ends + offset, color=colour, linewidth=1.6, zorder=3)
    axis.set(xlim=limits, ylim=limits, aspect="equal")
    axis.grid(color=GRID, zorder=0)
    return any(moved)
