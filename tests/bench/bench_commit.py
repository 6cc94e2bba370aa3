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


def commit_times(path: Path, shards: int, store: str) -> list[float]:
    """Commit one clip a shard; return the seconds of each commit."""
    writer, times = CacheWriter.open(path, {"model": "bench"}, [FIELD], store=store), []
    for number in range(shards):
        clips = [clip(f"{number:06}")]
        begun = time.perf_counter()
        writer.commit(clips)
        times.append(time.perf_counter() - begun)
    return times


def main() -> None:
    """Print both figures and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=5000)
    parser.add_argument("--store", default="hdf5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = commit_times(Path(folder) / "cache", options.shards, options.store)
    first, last = statistics.median(times[:COUNTED]), statistics.median(times[-COUNTED:])
    print(
        f"{options.shards} shards ({options.store}): {first * 1e3:.2f} ms a commit for the first {COUNTED}, "
        f"{last * 1e3:.2f} ms for the last, {last / first:.2f} times as long (medians); {sum(times):.0f} s in all"
    )


if __name__ == "__main__":
    main()
