"""SIGKILL at random instants, again and again: every clip ends up in the cache once, and bit-equal.

    python tests/bench/kill_extract.py [--clips 400 --kills 50 --seed 0 --json]

An uninterrupted run makes the reference; then the same command is started, killed after a random time, checked,
and started again. Exit code 1 when a clip is lost, double or different, or a kill cost more than a shard.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from media import voice, write

from cache import CacheReader, verify

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
SLOW = (
    "import time; import extract.encoders.logmel as m; plain = m.LogMel.encode; "
    "log = open({log!r}, 'ab', buffering=0); "
    "m.LogMel.encode = lambda self, clips: (log.write(b'x' * len(clips)), time.sleep({pause} * len(clips)), "
    "plain(self, clips))[2]"
)


def start(clips: Path, out: Path, shard_mb: float, pause: float) -> subprocess.Popen[bytes]:
    """Start an extraction whose encoder takes ``pause`` seconds a clip, and notes every clip beside ``out``."""
    arguments = ["run", str(clips), "--out", str(out), "--model", "logmel", "--shard-mb", str(shard_mb)]
    slow = SLOW.format(pause=pause, log=str(encoded_log(out)))
    program = f"import sys; {slow}\nfrom extract.__main__ import main; "
    program += f"sys.argv[1:] = {arguments!r}; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", program], env=env, **quiet)


def encoded_log(out: Path) -> Path:
    """Return the file that holds one letter per clip that was encoded for ``out``."""
    return out.with_suffix(".encoded")


def noted(out: Path) -> int:
    """Return how many clips have been encoded for ``out`` so far."""
    return encoded_log(out).stat().st_size if encoded_log(out).exists() else 0


def differences(reference: Path, out: Path) -> list[str]:
    """Return what is in ``out`` and not bit-equal to ``reference``."""
    expected, found = CacheReader(reference), CacheReader(out)  # one clip in two shards raises here
    problems = []
    for clip_id in found.clip_ids:
        ours, theirs = found[clip_id], expected[clip_id]
        for name, values in theirs.frames.items():
            if not np.array_equal(values, ours.frames[name]):
                problems.append(f"clip {clip_id}: {name} differs")
    problems += [str(f) for f in verify(out).findings if "no commit record" not in f.problem]
    return problems


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = torment(Path(scratch), options.clips, options.kills, random.Random(options.seed))
    print(
        json.dumps(report) if options.json else "\n".join(f"{key}: {value}" for key, value in report.items())
    )
    sys.exit(bool(report["problems"]))


def torment(scratch: Path, clips: int, kills: int, rng: random.Random) -> dict[str, object]:
    """Kill the run ``kills`` times, then let it finish, and compare."""
    media, reference, out = scratch / "clips", scratch / "reference", scratch / "cache"
    for number in range(clips):
        write(media / f"{number:05}{SUFFIXES[number % 4]}", voice(0.3 + 0.1 * (number % 7), seed=number))
    start(media, reference, 0.04, 0.0).wait()
    pause = max(0.005, 0.5 * kills / clips)  # so that the kills fall all over the run
    problems: list[str] = []
    largest = max(len(record.clip_ids) for record in CacheReader(reference).records)
    done, progress, lost, began = 0, [], [], time.monotonic()
    for _ in range(kills):
        encoded = noted(out)
        run = start(media, out, 0.04, pause)
        while noted(out) == encoded and run.poll() is None:
            time.sleep(0.01)  # interpreters start at their own pace: count from the first clip
        time.sleep(rng.uniform(0.0, 1.0))
        run.kill()
        run.wait()
        problems += differences(reference, out)
        committed = len(CacheReader(out))
        progress.append(committed - done)
        lost.append(noted(out) - encoded - progress[-1])
        done = committed
    start(media, out, 0.04, 0.0).wait()
    problems += differences(reference, out)
    one, other = CacheReader(reference), CacheReader(out)
    if one.clip_ids != other.clip_ids or len(other) != clips:
        problems.append(f"{len(other)} of {clips} clips, or other shards than without kills")
    if min(progress) < 0:
        problems.append("committed clips were lost")
    if max(lost) > 2 * largest:  # the shard at hand, and the one whose bytes were on their way to the disk
        problems.append(f"a kill cost {max(lost)} clips, shards hold up to {largest}")
    leftover = [str(path.name) for path in [*out.rglob("*.tmp"), *out.glob("leases/*")]]
    return {
        "clips": clips, "kills": kills, "shards": len(other.records), "committed_between_kills": progress,
        "clips_lost_by_a_kill": lost, "clips_in_the_largest_shard": largest,
        "kills_that_found_work": sum(step > 0 for step in progress), "left_over_files": leftover,
        "seconds": round(time.monotonic() - began, 1), "problems": problems,
    }  # fmt: skip


if __name__ == "__main__":
    main()
