"""Pictures of a study: each row's score, its difference from the reference, histories of many fits."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from train.report.shown_range import shown_range
from train.runs.plots import BLUE, COLUMNS, GRID, MUTED, ORANGE, colours_of, figure_of, panels_of
from train.scores.estimates import Interval
from train.scores.wording import metric_sign, score_text, typeset
from train.studies.scored import Scores
from train.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]
OTHER_CLIPS = "each seed on inner clips of its own: levels do not compare"
MOST_NAMED = 8  # curves of a panel
SIGNIFICANT = 0.05  # after Holm's correction
LINE = 90  # characters below a picture of intervals: names of rows leave its axis too narrow for them


class Bar(NamedTuple):
    """One row of a picture of intervals.

    Attributes:
        name: beside the axis.
        interval: what is drawn; None where undefined.
        colour: of dot and line.
        text: of the estimate, written at the end of the line.
    """

    name: str
    interval: Interval | None
    colour: str
    text: str


def plot_rows(path: Path, study: Study, scores: Scores) -> None:
    """Draw one dot with its interval for each row, the reference in another colour.

    An interval that is much wider than the others is cut off at the edge, with an arrow and its numbers.

    Args:
        path: of the PNG.
        study: its rows, in their order from top to bottom.
        scores: of ``score_rows``.
    """
    bars = [
        Bar(
            row.name,
            interval,
            ORANGE if row.name == study.reference else BLUE,
            score_text(interval.estimate),
        )
        for row, interval in zip(study.rows, scores.intervals, strict=True)
    ]
    with figure_of(path, (7.2, 1.5 + 0.34 * len(bars))) as axis:
        cut = draw_bars(axis, bars)
        note = ", selected on valid" if study.selected_on == "valid" else ""
        where = f"{len(study.truth)} validation clips"
        if study.folds:
            where = f"{len(study.truth)} clips, mean over {len(study.folds)} folds"
        write_below(axis, f"mean {study.metric} on {where}{note}, 95 % interval{cut}")


def plot_differences(path: Path, study: Study, scores: Scores) -> None:
    """Draw each row's difference from the reference with its interval; in grey unless p after Holm is below .05.

    The intervals are not corrected: one that leaves 0 out may well be grey. Cut off as in ``plot_rows``.

    Args:
        path: of the PNG.
        study: its rows, in their order from top to bottom.
        scores: of ``score_rows``.
    """
    bars = [
        Bar(
            row.name,
            difference,
            difference_colour(p_value),
            "" if difference is None else f"{difference.estimate:+.3f}",
        )
        for row, difference, p_value in zip(study.rows, scores.differences, scores.p_values, strict=True)
        if row.name != study.reference
    ]
    with figure_of(path, (7.2, 1.8 + 0.34 * len(bars))) as axis:
        axis.axvline(0, color=MUTED, linewidth=1, zorder=1)
        cut = draw_bars(axis, bars, [0.0])
        write_below(
            axis,
            f"Δ {metric_sign(study.metric)} from “{study.reference}”\n"
            f"blue: p < {SIGNIFICANT:g} after Holm; grey: not. Paired 95 % intervals, uncorrected{cut}",
        )


def write_below(axis: Axes, text: str) -> None:
    """Write what a picture of one panel shows below all of it, in lines that fit."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, LINE)]
    axis.figure.supxlabel("\n".join(lines), fontsize=10)


def difference_colour(p_value: float) -> str:
    """Return the colour of a difference: by its p-value after Holm's correction, NaN where there is none."""
    return BLUE if p_value < SIGNIFICANT else MUTED


def draw_bars(axis: Axes, bars: Sequence[Bar], also: Sequence[float] = ()) -> str:
    """Draw intervals from top to bottom, in a range that one absurd interval does not stretch.

    Returns a note for the axis if an interval was cut off.

    Args:
        axis: to draw on.
        bars: the intervals.
        also: values that the axis shows too.
    """
    ends = np.array(
        [
            [np.nan] * 3
            if bar.interval is None
            else [bar.interval.estimate, bar.interval.low, bar.interval.high]
            for bar in bars
        ]
    ).reshape(-1, 3)
    low, high = shown_range(ends[:, 0], ends[:, 1], ends[:, 2], also) or (0.0, 1.0)
    margin = 0.12 * (high - low) or 0.5
    left, right = low - margin, high + margin
    axis.set_xlim(left, right)
    cut = False
    for position, bar in enumerate(bars):
        if bar.interval is None or not np.isfinite(bar.interval.estimate):
            axis.text(
                0.01, position, "undefined", color=MUTED, va="center", transform=axis.get_yaxis_transform()
            )
        else:
            cut |= _draw_bar(axis, position, bar, bar.interval, (left, right))
    axis.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.grid(axis="x", color=GRID, zorder=0)
    return "\narrow: the interval goes on, its ends in brackets" if cut else ""


def _draw_bar(axis: Axes, position: int, bar: Bar, interval: Interval, limits: tuple[float, float]) -> bool:
    """Draw one interval; return whether it was cut off."""
    (left, right), text, at = limits, f"{bar.text} (no interval)", interval.estimate
    cut = interval.low < left or interval.high > right
    if np.isfinite([interval.low, interval.high]).all():
        at, text = min(interval.high, right), bar.text
        axis.plot([max(interval.low, left), at], [position] * 2, color=bar.colour, linewidth=2, zorder=2)
        for beyond, edge, arrow in ((interval.low < left, left, "<"), (interval.high > right, right, ">")):
            if beyond:
                axis.plot(edge, position, arrow, color=bar.colour, markersize=7, zorder=3, clip_on=False)
                text = f"{bar.text} [{score_text(interval.low)}, {score_text(interval.high)}]"
    axis.plot(interval.estimate, position, "o", color=bar.colour, markersize=6, zorder=3)
    axis.annotate(
        typeset(text), (at, position), xytext=(7, 0),
        textcoords="offset points", va="center", color=MUTED, fontsize=9,
    )  # fmt: skip
    return cut


class Curves(NamedTuple):
    """The histories of a row's fits.

    Attributes:
        names: of the fits, such as "seed-0".
        values: of each, value per epoch.
        chosen: epoch that each kept, from 1.
        on_other_clips: whether each is measured on clips of its own, so that their levels do not compare.
        loss: whose values these are; empty for scores. Panels of several losses have heights of their own.
    """

    names: Sequence[str]
    values: Sequence[FloatArray]
    chosen: Sequence[int]
    on_other_clips: bool = False
    loss: str = ""


def same_loss(histories: Mapping[str, Curves]) -> bool:
    """Whether the curves of all rows are of one loss, or scores: their heights compare."""
    return len({curves.loss for curves in histories.values()}) < 2


def plot_histories(path: Path, histories: Mapping[str, Curves], title: str) -> None:
    """Draw one panel per row with a line per seed, a dot where its epoch was kept.

    Curves on the same clips lie over each other in one colour: their spread is that of the seeds. Curves on
    clips of their own have a colour each and are named, since their distance says nothing of seeds.

    Args:
        path: of the PNG.
        histories: name of each row → its curves.
        title: what the values are.
    """
    from matplotlib.ticker import MaxNLocator

    own = any(curves.on_other_clips for curves in histories.values())
    alike, columns = same_loss(histories), min(COLUMNS, len(histories))
    with panels_of(path, len(histories), columns, share=True, heights=alike) as (figure, axes):
        for axis, (name, curves) in zip(axes, histories.items(), strict=True):
            _draw_curves(axis, curves)
            axis.set_title(name if alike else f"{name} ({curves.loss})", loc="left", fontsize=10)
            axis.grid(axis="y", color=GRID, zorder=0)
            axis.margins(x=0.05, y=0.12)
            axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        note = f"\n{OTHER_CLIPS}" if own else ""
        figure.suptitle(f"{title}; dot: epoch kept{note}", x=0.01, ha="left", fontsize=12)
        figure.supxlabel("epoch", fontsize=10)


def _draw_curves(axis: Axes, curves: Curves) -> None:
    colours = colours_of(len(curves.values)) if curves.on_other_clips else [BLUE] * len(curves.values)
    for name, values, epoch, colour in zip(curves.names, curves.values, curves.chosen, colours, strict=True):
        alpha = 1.0 if curves.on_other_clips else 0.7
        axis.plot(
            np.arange(1, len(values) + 1),
            values,
            color=colour,
            linewidth=1.2,
            alpha=alpha,
            zorder=2,
            label=name,
        )
        if 1 <= epoch <= len(values):
            dot = colour if curves.on_other_clips else ORANGE
            axis.plot(epoch, values[epoch - 1], "o", color=dot, markersize=5, zorder=3)
    if curves.on_other_clips and len(curves.names) <= MOST_NAMED:
        axis.legend(fontsize=8, loc="best", handlelength=1.2)
