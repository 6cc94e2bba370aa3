"""Pictures of a run: learning curves, and labels against predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cache.common.words import counted
from train.config import FitConfig
from train.files import replacing
from train.runs.history import EpochRecord
from train.scores.registry import METRICS
from train.scores.targets import mean_of, scores_of
from train.scores.wording import metric_sign, score_text, typeset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

INK, MUTED, GRID = "#22252a", "#6b7280", "#e5e7eb"
BLUE, ORANGE = "#2563a8", "#d9772b"
COLOURS = ("#2563a8", "#d9772b", "#3c896d", "#b23a48", "#7a5195", "#8c6d31", "#2f9fb5", "#d16ba5")
COLUMNS = 3  # panels side by side
STYLE: Any = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "text.parse_math": False,  # names of targets and rows are text: a dollar sign is one
}


def plot_learning_curves(path: Path, history: Sequence[EpochRecord], config: FitConfig, chosen: int) -> None:
    """Draw loss and selection metric per epoch, with the chosen epoch marked.

    Args:
        path: of the PNG.
        history: one record per epoch.
        config: of the fit.
        chosen: epoch whose weights were kept, from 1.
    """
    epochs = [row.epoch for row in history]
    scores = np.array([row.score for row in history])
    scored = config.select != "last"
    with panels_of(path, 2 if scored else 1, 1) as (figure, axes):
        _curve(axes[0], epochs, [row.loss for row in history], BLUE, f"training loss ({config.loss})")
        if scored:
            where = "inner part of train" if config.select == "inner" else "validation clips"
            _curve(axes[1], epochs, scores, ORANGE, f"mean {config.metric} on the {where}")
            if np.isnan(scores).all():
                axes[1].text(0.5, 0.5, " undefined ", transform=axes[1].transAxes, ha="center", color=MUTED)
                axes[1].set(yticks=[], xlim=axes[0].get_xlim())
        for axis in axes:
            axis.axvline(chosen, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        axes[0].annotate(
            f"epoch {chosen} kept", (chosen, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
            textcoords="offset points", ha="center", va="bottom", color=MUTED, fontsize=9,
        )  # fmt: skip
        figure.align_labels()


@dataclass(frozen=True)
class ScatterNote:
    """What the scores in a picture are.

    Attributes:
        metric: whose value each panel shows.
        selected_on: what chose the epoch; named when it was the validation set itself.
        seeds: how many heads' predictions were scored; the picture shows those of the first.
        scores: (targets,) to show, where they are not those of all clips together: means over folds.
    """

    metric: str = "pearson"
    selected_on: str = "inner"
    seeds: int = 1
    scores: FloatArray | None = None


def plot_scatter(
    path: Path, truth: FloatArray, prediction: FloatArray, names: Sequence[str], note: ScatterNote
) -> None:
    """Draw truth against prediction, one panel per emotion, with its score ("undefined" where it is so).

    Args:
        path: of the PNG.
        truth: (clips, targets).
        prediction: (clips, targets).
        names: of the targets.
        note: what the scores are.
    """
    scores, title = note.scores, metric_sign(note.metric)
    over = " over folds" if scores is not None else ""
    scores = scores_of(METRICS.get(note.metric), truth, prediction) if scores is None else scores
    with panels_of(path, len(names), min(COLUMNS, len(names))) as (figure, axes):
        for index, (axis, name) in enumerate(zip(axes, names, strict=True)):
            _panel(
                axis, truth[:, index], prediction[:, index], BLUE if scores[index] == scores[index] else MUTED
            )
            axis.set_title(f"{name}   {title} {_sign(scores[index])}", loc="left")
        selected = ", selected on valid" if note.selected_on == "valid" else ""
        selected += f", first of {note.seeds} seeds" if note.seeds > 1 else ""
        mean = f"mean {title}{over} {_sign(mean_of(scores, truth))}"
        figure.suptitle(
            f"{counted(len(truth), 'validation clip')}{selected}: {mean}", x=0.01, ha="left", fontsize=12
        )
        figure.supxlabel("label", fontsize=10)
        figure.supylabel("prediction", fontsize=10)


def _curve(axis: Axes, epochs: Sequence[int], values: Any, colour: str, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    few = len(epochs) <= 40  # with more, the dots hide the line
    axis.plot(epochs, values, color=colour, linewidth=2, marker="o" if few else None, markersize=4, zorder=3)
    axis.set_title(title, loc="left", pad=18)
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axis.grid(axis="y", color=GRID, zorder=0)
    axis.margins(x=0.05, y=0.12)


def _panel(axis: Axes, truth: FloatArray, prediction: FloatArray, colour: str) -> None:
    there = ~np.isnan(truth)
    truth, prediction = truth[there], prediction[there]
    if not len(truth):
        axis.text(0.5, 0.5, "no label", transform=axis.transAxes, ha="center", color=MUTED)
        axis.set(xticks=[], yticks=[])
        return
    alpha = float(np.clip(60 / max(1, len(truth)), 0.08, 0.65))  # many clips: only their density shows
    low = float(min(truth.min(), prediction.min()))
    high = float(max(truth.max(), prediction.max()))
    margin = 0.05 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    axis.plot(limits, limits, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axis.scatter(truth, prediction, s=16, color=colour, alpha=alpha, linewidths=0, zorder=3)
    axis.set(xlim=limits, ylim=limits, aspect="equal")
    axis.grid(color=GRID, zorder=0)


def _sign(score: float) -> str:
    return typeset(score_text(float(score)))


def colours_of(count: int) -> list[Any]:
    """Return a colour for each of several things that stand side by side, from a scale if they are many."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    from matplotlib import colormaps

    return [colormaps["viridis"](value) for value in np.linspace(0, 0.95, count)]


@contextmanager
def figure_of(path: Path, size: tuple[float, float]) -> Iterator[Axes]:
    """Give the axes of a figure of one panel, ``size`` in inches, and save it."""
    with _drawn(path, size) as figure:
        yield figure.subplots()


@contextmanager
def panels_of(
    path: Path, panels: int, columns: int, share: bool = False, heights: bool = True
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure with ``panels`` axes, which may share their scales, but for ``heights``, and save it."""
    rows = -(-panels // columns)
    size = (3.4 * columns + 0.6, 3.3 * rows + 0.8) if columns > 1 else (6.4, 2.9 * rows + 0.3)
    with _drawn(path, size) as figure:
        every = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share and heights)
        grid = every.ravel().tolist()
        for spare in grid[panels:]:
            spare.remove()
        for lowest in grid[max(0, panels - columns) : panels]:  # also above a spare one
            lowest.tick_params(labelbottom=True)
        yield figure, grid[:panels]


@contextmanager
def _drawn(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """Give a figure in our style, and save it; without pyplot, so that nothing stays behind."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained", dpi=130)
        yield figure
        with replacing(path) as aside:
            _write_png(figure, aside)


def _write_png(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(path)  # type: ignore[no-untyped-call]
