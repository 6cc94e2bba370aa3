"""Chart of a study in clips → extract → cache → train → intensities: each row's score and its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from train.report.table import Scores
from train.runs.plots import BLUE, GRID, MUTED, ORANGE, figure_of
from train.studies.study import Study


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
                f"{interval.estimate:.3f}".replace("-", "−"), (interval.high, position), xytext=(6, 0),
                textcoords="offset points", va="center", color=MUTED, fontsize=9,
            )  # fmt: skip
        axis.set_yticks(range(count), [row.name for row in study.rows])
        axis.set_ylim(count - 0.4, -0.6)
        axis.margins(x=0.12)
        axis.grid(axis="x", color=GRID, zorder=0)
        note = ", selected on valid" if study.selected_on == "valid" else ""
        axis.set_xlabel(f"mean {study.metric} on {len(study.truth)} validation clips{note}, 95 % interval")
