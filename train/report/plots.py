"""Pictures of a report in clips → extract → cache → train → intensities: differences, histories of many fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.report.table import Scores
from train.runs.plots import BLUE, COLUMNS, GRID, MUTED, ORANGE, figure_of, metric_sign, panels_of
from train.studies.study import Study

FloatArray = npt.NDArray[np.float64]


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
        for position, (_, found) in enumerate(pairs):
            if found is None or not np.isfinite([found.estimate, found.low]).all():
                axis.text(0, position, " undefined", color=MUTED, va="center")
                continue
            colour = MUTED if found.low <= 0 <= found.high else BLUE
            axis.plot([found.low, found.high], [position] * 2, color=colour, linewidth=2, zorder=2)
            axis.plot(found.estimate, position, "o", color=colour, markersize=6, zorder=3)
            axis.annotate(
                f"{found.estimate:+.3f}".replace("-", "−"), (found.high, position), xytext=(6, 0),
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
