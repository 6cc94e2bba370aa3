"""The picture of ``emi-cache info --plot``: durations, loudness, frames and VAD of the clips of a cache."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

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
    """Write a PNG with four distributions over the clips of a cache.

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
        figure = Figure(figsize=(10, 6.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 2)
        _durations(axes[0, 0], reader)
        _loudness(axes[0, 1], reader)
        _frames(axes[1, 0], reader)
        _vad(axes[1, 1], reader)
        for each in axes.flat:
            each.yaxis.get_major_locator().set_params(integer=True)  # there is no half clip
        title = f"{Path(cache).name}: {counted(len(reader), 'clip')}, {_sound(reader)}"
        figure.suptitle(title, parse_math=False)  # a dollar sign of a name is one
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format="png")
    write_output(Path(picture), drawn.getvalue(), overwrite)


def _sound(reader: CacheReader) -> str:
    hours = float(reader.clip_table("clips/duration").sum()) / 3600
    return f"{hours:.2f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _durations(axes: Any, reader: CacheReader) -> None:
    seconds = reader.clip_table("clips/duration")
    _lengths(axes, seconds, COLOURS[0])
    median, cut = float(np.median(seconds)), int(reader.clip_table("clips/cut").sum())
    axes.axvline(median, color="black", linewidth=1, linestyle="--")
    title = f"Duration (median {median:.2f} s; {cut} cut at max-seconds)"
    axes.set(title=title, xlabel="seconds", ylabel="clips")


def _loudness(axes: Any, reader: CacheReader) -> None:
    loudness = reader.clip_table("clips/rms_db")
    silent = reader.clip_table("clips/silent")
    axes.hist(loudness[~silent], bins=_bins(len(loudness)), color=COLOURS[1])
    axes.set(
        title=f"Loudness ({counted(int(silent.sum()), 'silent clip')} left out)",
        xlabel="dB re full scale",
        ylabel="clips",
    )


def _frames(axes: Any, reader: CacheReader) -> None:
    frames = np.array([reader.num_frames(clip_id) for clip_id in reader.clip_ids])
    _lengths(axes, frames, COLOURS[2])
    axes.set(title=f"Frames per clip ({int(frames.sum())} in all)", xlabel="frames", ylabel="clips")


def _lengths(axes: Any, values: Array, colour: str) -> None:
    edges: Any = _bins(len(values))
    if values.max() > 20 * np.median(values):  # one clip of twenty minutes among clips of seven seconds
        edges = np.geomspace(values.min(), values.max(), edges + 1)
        edges = np.unique(edges.round()) if values.dtype.kind == "i" else edges
        axes.set_xscale("log")
    axes.hist(values, bins=edges, color=colour)


def _vad(axes: Any, reader: CacheReader) -> None:
    axes.set(title="VAD, mean over each clip", xlabel="value", ylabel="clips")
    if "vad" not in reader.frame_fields:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no vad in this cache", ha="center", va="center", transform=axes.transAxes)
        return
    values = reader.clip_table(schema.GLOBAL_MEAN + "vad")
    dims = reader.frame_fields["vad"].dims or tuple(f"vad {n}" for n in range(values.shape[1]))
    edges = np.linspace(float(values.min()), float(values.max()) + 1e-6, _bins(len(values)) + 1)
    for column, dim in enumerate(dims):
        colour = COLOURS[column % len(COLOURS)]
        axes.hist(values[:, column], bins=edges, histtype="step", linewidth=1.5, color=colour, label=dim)
    # The steps reach the top anywhere: room above them is room for the names.
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=len(dims), frameon=False)


def _bins(clips: int) -> int:
    """Return how many bins so many clips fill: a few clips in many bins are single spikes."""
    return int(np.clip(2 * np.sqrt(clips), 5, BINS))
