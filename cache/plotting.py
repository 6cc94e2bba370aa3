"""One picture of what a cache holds, before train uses it: durations, loudness, frames and VAD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cache import files, schema
from cache.console import counted
from cache.errors import CacheError
from cache.reader import CacheReader

BINS = 40
COLOURS = ("#1b6ca8", "#d1495b", "#3c896d")


def plot(cache: Path | str, picture: Path | str) -> None:
    """Write a PNG with four distributions over the clips of a cache.

    Raises:
        CacheError: matplotlib is missing, or the cache holds no clip.
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
        figure.suptitle(f"{Path(cache).name}: {counted(len(reader), 'clip')}, {_hours(reader):.2f} h")
    with files.storage_errors(Path(picture)):
        figure.savefig(picture, dpi=120, format="png")


def _hours(reader: CacheReader) -> float:
    return float(reader.clip_table("clips/duration").sum()) / 3600


def _durations(axes: Any, reader: CacheReader) -> None:
    seconds = reader.clip_table("clips/duration")
    axes.hist(seconds, bins=BINS, color=COLOURS[0])
    median, cut = float(np.median(seconds)), int(reader.clip_table("clips/cut").sum())
    axes.axvline(median, color="black", linewidth=1, linestyle="--", label=f"median {median:.2f} s")
    axes.set(title=f"Duration ({cut} cut at max-seconds)", xlabel="seconds", ylabel="clips")
    axes.legend()


def _loudness(axes: Any, reader: CacheReader) -> None:
    loudness = reader.clip_table("clips/rms_db")
    silent = reader.clip_table("clips/silent")
    axes.hist(loudness[~silent], bins=BINS, color=COLOURS[1])
    axes.set(
        title=f"Loudness ({counted(int(silent.sum()), 'silent clip')} left out)",
        xlabel="dB re full scale",
        ylabel="clips",
    )


def _frames(axes: Any, reader: CacheReader) -> None:
    frames = np.array([reader.num_frames(clip_id) for clip_id in reader.clip_ids])
    low, high = max(1, int(frames.min())), int(frames.max()) + 1
    if high > 20 * np.median(frames):  # one clip of twenty minutes among clips of seven seconds
        axes.hist(frames, bins=np.unique(np.geomspace(low, high, BINS).round()), color=COLOURS[2])
        axes.set_xscale("log")
    else:
        axes.hist(frames, bins=BINS, color=COLOURS[2])
    axes.set(title=f"Frames per clip ({int(frames.sum())} in all)", xlabel="frames", ylabel="clips")


def _vad(axes: Any, reader: CacheReader) -> None:
    axes.set(title="VAD, mean over each clip", xlabel="value", ylabel="clips")
    if "vad" not in reader.frame_fields:
        axes.text(0.5, 0.5, "no vad in this cache", ha="center", va="center", transform=axes.transAxes)
        return
    values = reader.clip_table(schema.GLOBAL_MEAN + "vad")
    dims = reader.frame_fields["vad"].dims or tuple(f"vad {n}" for n in range(values.shape[1]))
    edges = np.linspace(float(values.min()), float(values.max()) + 1e-6, BINS)
    for column, dim in enumerate(dims):
        colour = COLOURS[column % len(COLOURS)]
        axes.hist(values[:, column], bins=edges, histtype="step", linewidth=1.5, color=colour, label=dim)
    axes.legend()
