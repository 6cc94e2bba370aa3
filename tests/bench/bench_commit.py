"""Commits many small shards into one cache: milliseconds a commit for the first and the last hundred.

python tests/bench/bench_commit.py [--shards 5000] [--store hdf5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from cache import CacheWriter, ClipFeatures, FrameField

FIELD = FrameField("vad", 3, np.dtype(np.float32))
COUNTED = 100  # commits at either end


def clip(clip_id: str) -> ClipFeatures:
    """Return a clip of ten frames."""
    frames = np.full((10, 3), 0.5, np.float32)
    return ClipFeatures(clip_id, {"vad": frames}, {"vad": frames[0]}, 3200, -20.0, "0" * 64, {})


def commit_times(path: Path, shards: int, store: str) -> tuple[list[float], list[float]]:
    """Commit one clip a shard; return the seconds of each commit by the clock, and those of the processor."""
    writer = CacheWriter.open(path, {"model": "bench"}, [FIELD], store=store)
    times, work = [], []
    for number in range(shards):
        clips = [clip(f"{number:06}")]
        begun, worked = time.perf_counter(), time.process_time()
        writer.commit(clips)
        times.append(time.perf_counter() - begun)
        work.append(time.process_time() - worked)
    return times, work


def main() -> None:
    """Print the figures and their ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=5000)
    parser.add_argument("--store", default="hdf5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = commit_times(Path(folder) / "cache", options.shards, options.store)
    print(f"{options.shards} shards ({options.store}), medians of the first and the last {COUNTED} commits:")
    for what, times in zip(("by the clock", "of processor"), measured, strict=True):
        first, last = statistics.median(times[:COUNTED]), statistics.median(times[-COUNTED:])
        print(
            f"  {first * 1e3:.2f} and {last * 1e3:.2f} ms {what}, {last / first:.2f} times as long; "
            f"{sum(times):.0f} s in all"
        )


if __name__ == "__main__":
    main()
