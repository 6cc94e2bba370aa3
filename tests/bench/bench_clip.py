"""What reading single clips from a large shard costs: bytes read from files, beside those of the frames.

    python tests/bench/bench_clip.py [--clips 100]

Linux only: the bytes are those that the system counts for this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

from emi_cache import FIELDS, RECIPE, SmoothFeatures, lengths  # noqa: E402

from cache import CacheReader, CacheWriter  # noqa: E402


def write_shard(path: Path, clips: int) -> None:
    """Write a cache of one shard."""
    features = SmoothFeatures()
    made = [features.clip(f"{number:05}", int(frames)) for number, frames in enumerate(lengths(clips))]
    CacheWriter.open(path, RECIPE, FIELDS, shard_mb=1e6).commit(made)


def bytes_read() -> int:
    """Return what this process has read from files so far."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"])


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        write_shard(Path(work) / "cache", options.clips)
        reader = CacheReader(Path(work) / "cache")
        frame_bytes, before, begun = 0, bytes_read(), time.perf_counter()
        for clip_id in reader.clip_ids:
            frame_bytes += sum(values.nbytes for values in reader[clip_id].frames.values())
        seconds, read = time.perf_counter() - begun, bytes_read() - before
    print(
        f"{options.clips} clips of one shard, one by one: {frame_bytes / 1e6:.1f} MB of frames, "
        f"{(read - frame_bytes) / 1e6:.1f} MB read beside them, {seconds / options.clips * 1e3:.2f} ms a clip"
    )


if __name__ == "__main__":
    main()
