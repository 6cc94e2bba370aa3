"""The picture of ``emi-cache info --plot``: durations, loudness, frames and VAD of the clips of a cache.

What a cache does not hold, or what is the same for all clips, has no panel and is said in words.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cache.common.durable import write_output
from cache.common.errors import CacheError
from cache.common.types import Array
from cache.common.words import counted
from cache.format import schema
from cache.reader import CacheReader

BINS = 40
COLOURS = ("#1b6ca8", "#d1495b", "#3c896d")


def plot(cache: Path | str, picture: Path | str, *, overwrite: bool = False) -> None:
    """Write a PNG with the distributions of up to four values over the clips of a cache.

    Args:
        cache: folder of the cache.
        picture: PNG to write.
        overwrite: replace a file of that name, whatever it holds.

    Raises:
        CacheError: matplotlib is missing, or the cache holds no clip.
        StorageError: the file exists and holds something else, or cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise CacheError("--plot needs matplotlib: pip install 'emi-fusion[train]'") from None
    with CacheReader(cache) as reader:
        if not len(reader):
            raise CacheError(f"{cache} holds no clip to plot")
        panels, said = panels_of(reader)
        rows, columns = -(-len(panels) // 2), min(2, len(panels))
        figure = Figure(figsize=(10, 3.25 * rows or 1.0), layout="constrained")
        FigureCanvasAgg(figure)
        if panels:
            grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
            for spare in grid[len(panels) :]:
                spare.remove()
            for axes, panel in zip(grid, panels, strict=False):
                panel.draw(axes)
                axes.yaxis.get_major_locator().set_params(integer=True)  # there is no half clip
        title = f"{Path(cache).name}: {counted(len(reader), 'clip')}, {_sound(reader)}"
        figure.suptitle("\n".join([title, *said]), parse_math=False)  # a dollar sign of a name is one
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format="png")
    write_output(Path(picture), drawn.getvalue(), overwrite)


class Panel(NamedTuple):
    """A distribution that may be drawn.

    Attributes:
        name: of what is distributed.
        values: (clips, …) those that are known.
        alike: what to say where all are the same.
        draw: on axes.
    """

    name: str
    values: Array
    alike: str
    draw: Callable[[Any], None]


def panels_of(reader: CacheReader) -> tuple[list[Panel], list[str]]:
    """Return the panels that show something, and at most one line that says what the others would."""
    shown, said = [], []
    for panel in (_durations(reader), _loudness(reader), _frames(reader), _vad(reader)):
        known = _known(panel.values)
        if not len(known):
            said.append(f"no {panel.name}")
        elif (known == known[0]).all():
            said.append(panel.alike)
        else:
            shown.append(panel)
    return shown, ["; ".join(said)] if said else []


def _sound(reader: CacheReader) -> str:
    hours = float(reader.clip_table("clips/duration").sum()) / 3600
    return f"{hours:.2f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _durations(reader: CacheReader) -> Panel:
    seconds = reader.clip_table("clips/duration")
    median, cut = float(np.median(seconds)), int(reader.clip_table("clips/cut").sum())

    def draw(axes: Any) -> None:
        _lengths(axes, seconds, COLOURS[0])
        axes.axvline(median, color="black", linewidth=1, linestyle="--")
        title = f"Duration (median {median:.2f} s; {cut} cut at max-seconds)"
        axes.set(title=title, xlabel="seconds", ylabel="clips")

    return Panel("durations", seconds, f"{median:.2f} s each ({cut} cut at max-seconds)", draw)


def _loudness(reader: CacheReader) -> Panel:
    loudness, silent = reader.clip_table("clips/rms_db"), reader.clip_table("clips/silent")
    heard = loudness[~silent & np.isfinite(loudness)]

    def draw(axes: Any) -> None:
        axes.hist(heard, bins=_bins(len(heard)), color=COLOURS[1])
        axes.set(
            title=f"Loudness ({counted(int(silent.sum()), 'silent clip')} left out)",
            xlabel="dB re full scale",
            ylabel="clips",
        )

    level = f"{heard[0]:.1f} dB each" if len(heard) else ""
    return Panel("loudness, every clip is silent", heard, level, draw)


def _frames(reader: CacheReader) -> Panel:
    frames = np.array([reader.num_frames(clip_id) for clip_id in reader.clip_ids])

    def draw(axes: Any) -> None:
        _lengths(axes, frames, COLOURS[2])
        axes.set(title=f"Frames per clip ({int(frames.sum())} in all)", xlabel="frames", ylabel="clips")

    return Panel("frames", frames, f"{counted(int(frames[0]), 'frame')} each", draw)


def _lengths(axes: Any, values: Array, colour: str) -> None:
    edges: Any = _bins(len(values))
    if values.max() > 20 * np.median(values):  # one clip of twenty minutes among clips of seven seconds
        edges = np.geomspace(values.min(), values.max(), edges + 1)
        edges = np.unique(edges.round()) if values.dtype.kind == "i" else edges
        axes.set_xscale("log")
    axes.hist(values, bins=edges, color=colour)


def _vad(reader: CacheReader) -> Panel:
    if "vad" not in reader.frame_fields:
        return Panel("VAD in this cache", np.empty((0, 3)), "", lambda _: None)
    values = reader.clip_table(schema.GLOBAL_MEAN + "vad")
    dims = reader.frame_fields["vad"].dims or tuple(f"vad {n}" for n in range(values.shape[1]))

    def draw(axes: Any) -> None:
        axes.set(title="VAD, mean over each clip", xlabel="value", ylabel="clips")
        known = _known(values)
        edges = np.linspace(float(known.min()), float(known.max()) + 1e-6, _bins(len(known)) + 1)
        for column, dim in enumerate(dims):
            colour = COLOURS[column % len(COLOURS)]
            axes.hist(known[:, column], bins=edges, histtype="step", linewidth=1.5, color=colour, label=dim)
        # The steps reach the top anywhere: room above them is room for the names.
        axes.set_ylim(top=1.25 * axes.get_ylim()[1])
        axes.legend(loc="upper center", ncols=len(dims), frameon=False)

    return Panel("VAD", values, "the same VAD for every clip", draw)


def _known(values: Array) -> Array:
    """Return the clips of which every value is a number."""
    finite = np.isfinite(values)
    return np.asarray(values[finite.all(1) if finite.ndim > 1 else finite])


def _bins(clips: int) -> int:
    """Return how many bins so many clips fill: a few clips in many bins are single spikes."""
    return int(np.clip(2 * np.sqrt(clips), 5, BINS))
