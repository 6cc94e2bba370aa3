"""Pictures of a study: each row's score, its difference from the reference, histories of many fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.runs.plots import BLUE, COLUMNS, GRID, MUTED, ORANGE, figure_of, panels_of
from train.scores.wording import metric_sign, score_text, typeset
from train.studies.scored import Scores
from train.studies.study import Study

FloatArray = npt.NDArray[np.float64]


def plot_rows(path: Path, study: Study, scores: Scores) -> None:
    """Draw one dot with its interval for each row, the reference in another colour.

    Args:
        path: of the PNG.
        study: its rows, in their order from top to bottom.
        scores: of ``score_rows``.
    """
    count = len(study.rows)
    with figure_of(path, (7.2, 1.5 + 0.34 * count)) as axis:
        for position, (row, interval) in enumerate(zip(study.rows, scores.intervals, strict=True)):
            colour = ORANGE if row.name == study.reference else BLUE
            if not np.isfinite(interval.estimate):
                axis.text(0, position, " undefined", color=MUTED, va="center")
                continue
            axis.plot([interval.low, interval.high], [position] * 2, color=colour, linewidth=2, zorder=2)
            axis.plot(interval.estimate, position, "o", color=colour, markersize=6, zorder=3)
            axis.annotate(
                typeset(score_text(interval.estimate)), (interval.high, position), xytext=(6, 0),
                textcoords="offset points", va="center", color=MUTED, fontsize=9,
            )  # fmt: skip
        axis.set_yticks(range(count), [row.name for row in study.rows])
        axis.set_ylim(count - 0.4, -0.6)
        axis.margins(x=0.12)
        axis.grid(axis="x", color=GRID, zorder=0)
        note = ", selected on valid" if study.selected_on == "valid" else ""
        where = f"{len(study.truth)} validation clips"
        if study.folds:
            where = f"{len(study.truth)} clips, mean over {len(study.folds)} folds"
        axis.set_xlabel(f"mean {study.metric} on {where}{note}, 95 % interval")


def plot_differences(path: Path, study: Study, scores: Scores) -> None:
    """Draw each row's difference from the reference with its interval; those that hold 0 in grey.

    Args:
        path: of the PNG.
        study: its rows, in their order from top to bottom.
        scores: of ``score_rows``.
    """
    pairs = [
        (row.name, difference)
        for row, difference in zip(study.rows, scores.differences, strict=True)
        if row.name != study.reference
    ]
    with figure_of(path, (7.2, 1.6 + 0.34 * len(pairs))) as axis:
        axis.axvline(0, color=MUTED, linewidth=1, zorder=1)
        for position, (_, difference) in enumerate(pairs):
            if difference is None or not np.isfinite([difference.estimate, difference.low]).all():
                axis.text(0, position, " undefined", color=MUTED, va="center")
                continue
            ends = (difference.low, difference.high)
            colour = MUTED if ends[0] <= 0 <= ends[1] else BLUE
            axis.plot(ends, [position] * 2, color=colour, linewidth=2, zorder=2)
            axis.plot(difference.estimate, position, "o", color=colour, markersize=6, zorder=3)
            axis.annotate(
                typeset(f"{difference.estimate:+.3f}"), (ends[1], position), xytext=(6, 0),
                textcoords="offset points", va="center", color=MUTED, fontsize=9,
            )  # fmt: skip
        axis.set_yticks(range(len(pairs)), [name for name, _ in pairs])
        axis.set_ylim(len(pairs) - 0.4, -0.6)
        axis.margins(x=0.14)
        axis.grid(axis="x", color=GRID, zorder=0)
        axis.set_xlabel(
            f"Δ {metric_sign(study.metric)} from “{study.reference}”\npaired 95 % interval, uncorrected"
        )


def plot_histories(
    path: Path, histories: Mapping[str, Sequence[FloatArray]], title: str, chosen: Mapping[str, Sequence[int]]
) -> None:
    """Draw one panel per row with a line per seed, a dot where its epoch was kept.

    Args:
        path: of the PNG.
        histories: name of each row → value per epoch of each of its fits.
        title: what the values are.
        chosen: name of each row → epoch that each fit kept, from 1.
    """
    with panels_of(path, len(histories), min(COLUMNS, len(histories)), share=True) as (figure, axes):
        for axis, (name, lines) in zip(axes, histories.items(), strict=True):
            for values, epoch in zip(lines, chosen[name], strict=True):
                axis.plot(
                    np.arange(1, len(values) + 1), values, color=BLUE, linewidth=1.2, alpha=0.7, zorder=2
                )
                if 1 <= epoch <= len(values):
                    axis.plot(epoch, values[epoch - 1], "o", color=ORANGE, markersize=5, zorder=3)
            axis.set_title(name, loc="left", fontsize=10)
            axis.grid(axis="y", color=GRID, zorder=0)
            axis.margins(x=0.05, y=0.12)
        figure.suptitle(f"{title}; dot: epoch kept", x=0.01, ha="left", fontsize=12)
        figure.supxlabel("epoch", fontsize=10)
