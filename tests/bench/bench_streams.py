"""What an epoch of two streams takes beside one of each alone: CPU seconds of one thread, in turn, the medians.

    python tests/bench/bench_streams.py [--clips 2000] [--rounds 3]

Both are caches of made-up frames, 128 and 64 channels, with LSTMs of 128 units. Lengths vary, the same
in both, as things said at once are. A head of both does what the two heads do, and fuses once what
they fuse apart: its epoch should take no more than 1.15 times theirs together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cache import CacheWriter, ClipFeatures
from cache.common.progress import Progress
from cache.format.schema import FrameField
from train import FitConfig, Splits
from train.features.streams import AnyFeatures
from train.fitting.checkpoint import Training, new_training
from train.fitting.epoch import run_epoch
from train.fitting.start import read_features, shape_of, start_pass
from train.fitting.task import Task, plan_fit
from train.heads.streams_head import made
from train.labels.coverage import opened
from train.labels.tables import Labels
from train.streams.arguments import CachePlace

TARGETS = tuple(f"t{number}" for number in range(6))
MOST = 1.15  # times the sum of the streams alone


def write_cache(path: Path, name: str, width: int, clips: int) -> Path:
    """Write a cache of one field of noise, clips of 20 to 120 frames."""
    rng, lengths = np.random.default_rng(width), np.random.default_rng(0).integers(20, 121, clips)
    writer = CacheWriter.open(path, {"model": name}, [FrameField(name, width, np.dtype(np.float16))])
    for start in range(0, clips, 500):
        made_up = []
        for number in range(start, min(clips, start + 500)):
            frames = rng.standard_normal((lengths[number], width)).astype(np.float16)
            means = {name: frames.astype(np.float32).mean(0)}
            made_up.append(
                ClipFeatures(f"{number:05}", {name: frames}, means, 400, -20.0, f"{number:064}", clip={})
            )
        writer.commit(made_up)
    return path


def splits_of(clips: int) -> Splits:
    """Return labels of noise: the last tenth of the clips is reported on."""
    truth = np.random.default_rng(0).uniform(size=(clips, len(TARGETS)))
    ids = tuple(f"{number:05}" for number in range(clips))
    labels = Labels(Path("labels.csv"), ids, ids, truth, TARGETS, "clip_id", (None,) * clips, ())
    held = clips // 10
    return Splits(labels.take(range(clips - held)), labels.take(range(clips - held, clips)))


class Fit:
    """A fit that is taken an epoch at a time."""

    def __init__(self, cache: CachePlace, labels: Splits, config: FitConfig, progress: Progress) -> None:
        with opened(cache) as reader:
            self.task: Task = plan_fit(reader, labels, config)
            features = read_features(reader, self.task, None, progress)
            self.training: Training = new_training(made(shape_of(self.task, features), 0), config)
            self.features: AnyFeatures = start_pass(self.training, self.task, features, progress)
        self.progress = progress

    def epoch(self) -> float:
        """Take an epoch; return its CPU seconds."""
        started = time.process_time()
        run_epoch(self.training, self.task, self.features, self.progress)
        return time.process_time() - started


def measure(folder: Path, clips: int, rounds: int) -> dict[str, float]:
    """Return the CPU seconds of an epoch: of each stream alone, and of both."""
    caches = {
        "audio": write_cache(folder / "audio", "audio", 128, clips),
        "text": write_cache(folder / "text", "text", 64, clips),
    }
    config = FitConfig(vad=False, hidden=128, select="last", standardise="train", epochs=rounds + 1)
    named: Mapping[str, CachePlace] = {**caches, "both": caches}
    with open("/dev/null", "w") as nowhere:
        fits = {
            name: Fit(cache, splits_of(clips), config, Progress(nowhere)) for name, cache in named.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in fits}
        for turn in range(rounds + 1):  # the first sets up memory and kernels
            for name, each in fits.items():
                spent = each.epoch()
                if turn:
                    seconds[name].append(spent)
    return {name: median(each) for name, each in seconds.items()}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.clips, options.rounds)
    for name, seconds in found.items():
        print(f"{name:6} {seconds:6.2f} s an epoch")
    ratio = found["both"] / (found["audio"] + found["text"])
    print(f"both / (audio + text): {ratio:.2f}, at most {MOST}")


if __name__ == "__main__":
    main()
