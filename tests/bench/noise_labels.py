"""Corpora whose labels are noise: does any recipe, or a search, find something in nothing?

    python tests/bench/noise_labels.py [--corpora 200] [--ways auto paper tune] [--workers 2]

A corpus has speakers with a colour of their own in the frames, and labels drawn without looking at them, by
clip and by speaker. Printed are, for each way, the mean score on new speakers and how often its
95 % interval holds 0. The intervals are Student's t over the speakers: 95 of 100 are to hold it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from cache import CacheWriter, ClipFeatures
from cache.common.progress import Progress
from cache.format.schema import FrameField
from train import Splits, fit, read_splits, recipe_config
from train.files import write_csv
from train.studies.grid import Row
from train.studies.jobs import study_context
from train.studies.options import SearchOptions, StudyOptions
from train.studies.parts import whole
from train.studies.tuning.search import searched

WAYS = ("auto", "paper", "tune")
TRAIN_SPEAKERS, VALID_SPEAKERS, CLIPS_EACH, WIDTH, TARGETS = 12, 12, 6, 10, 2


class Task(NamedTuple):
    """One corpus and the ways it is fitted."""

    number: int
    ways: tuple[str, ...]


def draw(folder: Path, number: int) -> Splits:
    """Write the cache of a corpus, and return its labels, which know nothing of it."""
    rng = np.random.default_rng([number, 17])
    writer = CacheWriter.open(
        folder / "cache", {"model": "noise"}, [FrameField("noise", WIDTH, np.dtype(np.float32))]
    )
    people = TRAIN_SPEAKERS + VALID_SPEAKERS
    clips, who = [], [f"s{person:02d}" for person in range(people) for _ in range(CLIPS_EACH)]
    colours = rng.standard_normal((people, WIDTH))
    for clip, name in enumerate(who):
        length = int(rng.integers(3, 30))
        values = colours[int(name[1:])] + rng.standard_normal((length, WIDTH)).cumsum(0) * 0.3
        frames = {"noise": values.astype(np.float32)}
        means = {"noise": frames["noise"].mean(0)}
        clips.append(
            ClipFeatures(f"c{clip:04d}", frames, means, 320 * length, -20.0, f"{clip:0>64}", clip={})
        )
    writer.commit(clips)
    targets = 0.5 * rng.standard_normal((people, TARGETS))[[int(name[1:]) for name in who]]
    targets = targets + rng.standard_normal(targets.shape)
    half = TRAIN_SPEAKERS * CLIPS_EACH
    paths = [folder / "train.csv", folder / "valid.csv"]
    for path, part in zip(paths, (range(half), range(half, len(who))), strict=True):
        rows = [[f"c{clip:04d}", who[clip], *targets[clip].tolist()] for clip in part]
        write_csv(path, ["clip_id", "speaker", *(f"t{number}" for number in range(TARGETS))], rows)
    return read_splits(train=paths[0], valid=paths[1])


def interval_of_each(task: Task) -> dict[str, tuple[float, float, float]]:
    """Return the score on new speakers and its ends, by the way in which the head was fitted."""
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        folder, quiet = Path(name), Progress(nowhere)
        labels = draw(folder, task.number)
        for way in task.ways:
            config = recipe_config(
                folder / "cache",
                len(labels.train),
                "paper" if way == "paper" else "auto",
                seed=task.number,
                vad=False,
                **({"epochs": 60} if way == "tune" else {}),
            )
            if way == "tune":
                rows = [Row("fit", config, "cache")]
                options = StudyOptions(folder / "search", workers=0)
                sys.stderr = nowhere
                with study_context({"cache": folder / "cache"}, whole(labels), rows, options) as context:
                    config = searched(context, rows, SearchOptions(5))["fit", ""].config
                sys.stderr = sys.__stderr__
            run = fit(folder / "cache", labels, config, folder / way, progress=quiet)
            ends = run.metrics["interval"]
            found[way] = (ends["estimate"], ends["low"], ends["high"])
    return found


def simulate(
    corpora: int, ways: tuple[str, ...], workers: int
) -> dict[str, list[tuple[float, float, float]]]:
    """Return the scores of every corpus with their ends, by way."""
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        for each in pool.imap_unordered(interval_of_each, [Task(number, ways) for number in range(corpora)]):
            for way, ends in each.items():
                found[way].append(ends)
    return found


def main() -> None:
    """Print how often the intervals hold 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpora", type=int, default=200)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for way, ends in simulate(options.corpora, tuple(options.ways), options.workers).items():
        values = np.array(ends)
        known = values[np.isfinite(values).all(1)]
        holds = (known[:, 1] <= 0) & (known[:, 2] >= 0)
        error = known[:, 0].std(ddof=1) / np.sqrt(len(known))
        print(
            f"{way:6s} {len(values)} corpora: mean score {known[:, 0].mean():+.4f} ± {1.96 * error:.4f}, "
            f"{100 * holds.mean():.1f} % of the intervals hold 0 ({len(values) - len(known)} without one)"
        )


if __name__ == "__main__":
    main()
