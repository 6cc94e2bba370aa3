"""Writers of a cache behind a URL are killed, and the server too: every committed clip stays, bit by bit.

    python tests/bench/kill_remote.py [--kills 60] [--server-kills 6] [--store hdf5|zarr] [--clips 120]

The server keeps its objects on the disk. One writer at a time makes the cache, and is killed with SIGKILL at a
random instant; every tenth time the server is killed too, and started again. At the end a last writer does the
rest, and the cache is compared, bit by bit, with one written in a folder in one go.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import object_stores  # noqa: E402

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, diff, verify  # noqa: E402
from cache.common.storage.url_path import place  # noqa: E402
from cache.format import catalog  # noqa: E402

WIDTH, FRAMES = 64, 40
FIELDS = [FrameField("hidden_states/2", WIDTH, np.dtype(np.float16))]
RECIPE = {"model": "test", "weights_sha256": "a" * 64}


def clip(clip_id: str) -> ClipFeatures:
    """Return a clip whose values follow from its id."""
    values = np.random.default_rng(list(clip_id.encode())).normal(size=(FRAMES, WIDTH)).astype(np.float32)
    return ClipFeatures(
        clip_id, {"hidden_states/2": values}, {"hidden_states/2": values.mean(0)}, 9000, -20.0, "0" * 64, {}
    )


def write(cache: str, store: str, clips: int) -> None:
    """Commit every shard that is not committed yet; say so when it begins."""
    writer = CacheWriter.open(cache, RECIPE, FIELDS, store=store, shard_mb=FRAMES * WIDTH * 2 * 5 / 1e6)
    print("begins", flush=True)
    for plan in writer.plan({f"{number:04}": FRAMES for number in range(clips)}):
        lease = writer.lease(plan)
        if lease is not None:
            writer.commit([clip(clip_id) for clip_id in plan.planned], plan)
            lease.release()


def run(kills: int, server_kills: int, store: str, clips: int, seed: int = 0) -> dict[str, int]:
    """Kill and write until all is done; return what was counted."""
    draw = random.Random(seed)
    count = {"killed": 0, "servers": 0, "shards seen": 0}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "buckets" / "bucket").mkdir(parents=True)
        server = object_stores.on_disk(Path(folder) / "buckets")
        try:
            with object_stores.lead_to(server.port):
                url = place("s3://bucket/cache")
                every = max(2, kills // max(1, server_kills)) if server_kills else 0
                for turn in range(kills):
                    _one_kill(str(url), store, clips, draw)
                    count["killed"] += 1
                    if every and turn % every == every - 1:
                        writer = _start(str(url), store, clips)
                        time.sleep(draw.uniform(0.1, 0.5))
                        server.kill()
                        server.start()
                        _kill(writer)
                        count["servers"] += 1
                    count["shards seen"] = max(count["shards seen"], _check(url))
                write(str(url), store, clips)
                write(str(Path(folder) / "c"), store, clips)
                assert diff(Path(folder) / "c", url, exact=True) == []
                assert verify(url).findings == ()
                return count
        finally:
            server.kill()


def _check(url: Path) -> int:
    """Compare every clip that is committed by now; return how many shards there are."""
    if not (url / catalog.DESCRIPTION).exists():
        return 0
    with CacheReader(url) as reader:
        for clip_id in reader:
            expected = clip(clip_id).frames["hidden_states/2"].astype(np.float16)
            assert np.array_equal(reader[clip_id].frames["hidden_states/2"], expected)
        return len(reader.records)


def _start(url: str, store: str, clips: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--write", url, "--store", store, "--clips", str(clips)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    return writer


def _one_kill(url: str, store: str, clips: int, draw: random.Random) -> None:
    writer = _start(url, store, clips)
    time.sleep(draw.uniform(0.0, 1.5))
    _kill(writer)


def _kill(writer: subprocess.Popen[bytes]) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()


def main() -> None:
    """Run it and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--server-kills", type=int, default=6)
    parser.add_argument("--store", default="hdf5")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.store, given.clips)
        return
    started = time.monotonic()
    count = run(given.kills, given.server_kills, given.store, given.clips)
    print(f"{count}, {time.monotonic() - started:.0f} s: every clip once, bit by bit, no finding")


if __name__ == "__main__":
    main()
