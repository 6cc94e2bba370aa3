"""Labels that are pure noise: what choosing the epoch on the reported clips makes of them.

    python tests/bench/simulate_selection.py [--draws 24]

60 training and 30 validation clips by 15 speakers, random features, random labels: the true correlation is 0.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cache import CacheWriter, ClipFeatures
from cache.common.progress import Progress
from cache.format.schema import FrameField
from train import FitConfig, fit, read_splits
from train.fitting.fit import SharedFit

TRAIN, CLIPS, WIDTH = 60, 90, 8
FIELD = "hidden_states/1"


def make_cache(path: Path) -> Path:
    """Write a cache of clips with one random frame each."""
    rng = np.random.default_rng(0)
    writer = CacheWriter.open(path, {"model": "noise"}, [FrameField(FIELD, WIDTH, np.dtype(np.float16))])
    clips = []
    for index in range(CLIPS):
        values = rng.standard_normal((1, WIDTH)).astype(np.float32)
        means = {FIELD: values[0]}
        clips.append(
            ClipFeatures(f"{index:03d}", {FIELD: values}, means, 400, -20.0, f"{index:064d}", clip={})
        )
    writer.commit(clips)
    return path


def write_labels(folder: Path, draw: int) -> tuple[Path, Path]:
    """Write tables of random labels; give those of training and validation."""
    labels = np.random.default_rng([1, draw]).random(CLIPS)
    rows = [[f"{index:03d}", labels[index], f"s{index // 6}"] for index in range(CLIPS)]
    paths = folder / "train.csv", folder / "valid.csv"
    for path, part in zip(paths, (rows[:TRAIN], rows[TRAIN:]), strict=True):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["clip_id", "noise", "speaker"], *part])
    return paths


def main() -> None:
    """Print the mean score per way of selection, with twice its standard error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=24)
    draws = parser.parse_args().draws
    found: dict[str, list[float]] = {"valid": [], "inner": [], "last": []}
    around = SharedFit(pictures=False, audited=True)
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        folder = Path(name)
        cache = make_cache(folder / "cache")
        for draw in range(draws):
            splits = read_splits(*write_labels(folder, draw))
            for select, scores in found.items():
                config = FitConfig(
                    lstm=False, vad=False, epochs=20, warmup_epochs=0, lr=0.1, select=select, seed=draw
                )
                out = folder / f"{draw}-{select}"
                run = fit(cache, splits, config, out, progress=Progress(nowhere), shared=around)
                scores.append(run.metrics["valid"]["pearson"]["mean"])
    for select, scores in found.items():
        error = 2 * np.std(scores, ddof=1) / np.sqrt(draws)
        print(
            f"--select {select:<5}  mean ρ {np.mean(scores):+.3f} ± {error:.3f}  ({draws} draws of noise labels)"
        )


if __name__ == "__main__":
    main()
