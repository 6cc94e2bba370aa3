"""Ray against a plain run: overhead with an encoder that takes its time, a machine that dies, very many shards.

python tests/bench/bench_ray.py [--only overhead|death|driver|many] [--shards 40] [--many 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

CLIPS_PER_SHARD = 4
SAMPLES = 8000
SHARD_MB = CLIPS_PER_SHARD * 24 * 162 / 1e6
SLEEP = f"""
import os, time
if os.environ.get("BENCH_SLEEP"):
    import numpy.lib.stride_tricks as tricks
    plain = tricks.sliding_window_view  # of the log-mel encoder, once a clip
    def slow(*values, **more):
        time.sleep(float(os.environ["BENCH_SLEEP"]) / {CLIPS_PER_SHARD})
        return plain(*values, **more)
    tricks.sliding_window_view = slow
"""


def make_clips(folder: Path, count: int, samples: int = SAMPLES) -> Path:
    """Make sound files, many names to one file."""
    folder.mkdir()
    for number in range(count):
        if number % 30_000 == 0:
            base = folder.parent / f"{folder.name}-{number}.wav"
            soundfile.write(base, np.full(samples, 0.1, np.float32), 16_000)
        os.link(base, folder / f"{number:06}.wav")
    return folder


def start(
    clips: Path, out: Path, *more: str, sleep: float = 1.0, shard_mb: float = SHARD_MB
) -> subprocess.Popen[str]:
    """Start ``emi-extract run`` with an encoder that takes so many seconds a shard."""
    environment = {**os.environ, "BENCH_SLEEP": str(sleep), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(clips.parent), str(ROOT)])
    command = [
        sys.executable,
        "-m",
        "extract",
        "run",
        str(clips),
        "--out",
        str(out),
        "--model",
        "logmel",
        "--json",
    ]
    return subprocess.Popen(
        [*command, "--shard-mb", str(shard_mb), *more], env=environment, stdout=subprocess.PIPE, text=True
    )


def finish(run: subprocess.Popen[str], clips: int) -> dict:
    """Wait for a run; return its summary."""
    stdout, _ = run.communicate()
    assert run.returncode == 0, run.returncode
    summary = json.loads(stdout)
    assert summary["cached"] == clips, summary
    return summary


def differs(one: Path, other: Path) -> int:
    """Return what ``emi-cache diff`` ends with: 0 where every bit is the same."""
    command = [sys.executable, "-m", "cache", "diff", "--exact", str(one), str(other)]
    return subprocess.run(command, check=False, cwd=ROOT).returncode


def span(out: Path) -> float:
    """Return the seconds from the first commit to the last."""
    times = sorted(path.stat().st_mtime for path in out.glob("shards/*.json"))
    return times[-1] - times[0]


def overhead(folder: Path, shards: int) -> None:
    """A plain run against one worker of Ray, an encoder of a second a shard."""
    count = shards * CLIPS_PER_SHARD
    clips = make_clips(folder / "clips", count)
    spans = {}
    for name, more in {
        "plain run": (),
        "one worker of Ray": ("--engine", "ray", "--workers", "1", "--cpus-per-worker", "1"),
    }.items():
        out = folder / name.replace(" ", "-")
        summary = finish(start(clips, out, *more), count)
        spans[name] = span(out)
        print(
            f"{name}: {summary['seconds']:.1f} s in all, {spans[name]:.2f} s from the first commit to the last"
        )
    local, ray = spans.values()
    print(f"overhead of Ray once it runs: {ray / local - 1:+.1%} ({shards} shards of 1 s)")


def death(folder: Path, shards: int) -> None:
    """Two machines, which are both this one; one is killed after a quarter of the shards."""
    from ray.cluster_utils import Cluster

    count = shards * CLIPS_PER_SHARD
    clips = make_clips(folder / "clips", count)
    environment = {"BENCH_SLEEP": "1", "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    os.environ.update(environment, RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled", OMP_NUM_THREADS="1")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    out, died = folder / "out", []

    def kill() -> None:
        while len(list(out.glob("shards/*.json"))) < shards / 4 or len(list(out.glob("leases/*.lease"))) < 3:
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)
        died.append((time.time(), len(list(out.glob("shards/*.json")))))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        summary = finish(
            start(clips, out, "--engine", "ray", "--address", cluster.address, "--workers", "2"), count
        )
        killer.join()
    finally:
        cluster.shutdown()
    when, done = died[0]
    last = max(path.stat().st_mtime for path in out.glob("shards/*.json"))
    finish(start(clips, folder / "plain", sleep=0), count)
    same = differs(out, folder / "plain")
    ideal = shards - done  # seconds, on the one machine left
    print(
        f"killed with {done} of {shards} shards done: the rest took {last - when:.1f} s, {ideal} s of them work"
    )
    print(f"lost: {last - when - ideal:.1f} s with the shard at hand; diff with a local run: {same}")
    print("\n".join(summary["notes"]))


def driver(folder: Path, shards: int) -> None:
    """The driver is killed again and again, and started again by the same command."""
    count = shards * CLIPS_PER_SHARD
    clips, out, kills = make_clips(folder / "clips", count), folder / "out", 0
    while True:
        run = start(clips, out, "--engine", "ray", "--workers", "2", "--cpus-per-worker", "1", sleep=0.5)
        before = len(list(out.glob("shards/*.json")))
        while run.poll() is None and len(list(out.glob("shards/*.json"))) < before + shards / 5:
            time.sleep(0.05)
        if run.poll() is not None:
            break
        run.send_signal(signal.SIGKILL)
        run.communicate()
        kills += 1
    finish(run, count)
    finish(start(clips, folder / "plain", sleep=0), count)
    same = differs(out, folder / "plain")
    print(f"driver killed {kills} times; diff with a local run: {same}")


def many(folder: Path, shards: int) -> None:
    """Very many shards of one short clip: the memory of the driver, watched."""
    clips = make_clips(folder / "clips", shards, 720)
    run = start(clips, folder / "out", "--engine", "ray", "--workers", "2", "--cpus-per-worker", "1", sleep=0,
                shard_mb=1e-5)  # fmt: skip
    sizes: list[tuple[int, float]] = []
    page = resource.getpagesize() / 1e6
    while run.poll() is None:
        time.sleep(2)
        done = len(list((folder / "out").glob("shards/*.json")))
        try:
            sizes.append((done, int(Path(f"/proc/{run.pid}/statm").read_text().split()[1]) * page))
        except (OSError, IndexError):
            break
    finish(run, shards)
    during = [(done, size) for done, size in sizes if 0 < done < shards]
    for share in (0.1, 0.25, 0.5, 0.75, 0.95):
        done, size = min(during, key=lambda pair: abs(pair[0] - share * shards))
        print(f"  {done:6} shards done: the driver holds {size:.0f} MB")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("overhead", "death", "driver", "many"))
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--many", type=int, default=10_000)
    chosen = parser.parse_args()
    for name, measure in {"overhead": overhead, "death": death, "driver": driver, "many": many}.items():
        if chosen.only in (None, name):
            folder = Path(tempfile.mkdtemp(prefix="bench-ray-"))
            (folder / "sitecustomize.py").write_text(SLEEP)
            print(f"-- {name}", flush=True)
            try:
                measure(folder, chosen.many if name == "many" else chosen.shards)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
