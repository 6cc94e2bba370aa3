"""A writer of known clips that is killed at random instants, and what must hold whenever it was.

python tests/bench/killing.py FOLDER STORE CLIPS    the writer itself, for ``kill_loop``
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, diff, verify  # noqa: E402

CLIPS = 180
CLIPS_PER_SHARD = 3
FRAMES = 20
WIDTH = 64
FIELDS = (FrameField("hidden_states/12", WIDTH, np.dtype(np.float16)), FrameField("vad", 3))
RECIPE = {"model": "kill"}


def clip(clip_id: str) -> ClipFeatures:
    """Values that follow from the id."""
    rng = np.random.default_rng([*clip_id.encode()])
    frames = {"hidden_states/12": rng.normal(size=(FRAMES, WIDTH)).astype(np.float16)}
    frames["vad"] = rng.random((FRAMES, 3)).astype(np.float32)
    means = {name: values.mean(axis=0, dtype=np.float32) for name, values in frames.items()}
    return ClipFeatures(clip_id, frames, means, FRAMES * 320, -20.0, "0" * 64, {"vad": means["vad"]})


def write(path: Path, store: str, clips: int, report: Callable[[str], None] = lambda _: None) -> None:
    """Commit whatever is not committed yet, with a lease on each shard, and say what is."""
    shard_mb = CLIPS_PER_SHARD * FRAMES * (WIDTH * 2 + 12) * 1e-6
    writer = CacheWriter.open(path, RECIPE, FIELDS, store=store, shard_mb=shard_mb)
    for plan in writer.plan({f"{number:05}": FRAMES for number in range(clips)}):
        lease = writer.lease(plan)
        if lease is None or writer.is_committed(plan):
            continue
        record = writer.commit([clip(clip_id) for clip_id in plan.planned], plan)
        report(record.name if record else "")
        lease.release()


@dataclass
class Outcome:
    """What a loop of kills met.

    Attributes:
        kills: that hit a running writer.
        committed: clips reported committed and read back bit-exact, over all kills.
        before_record: kills that left a published shard without its record.
        leftovers: ``*.tmp`` seen after kills.
        problems: anything that must not be.
    """

    kills: int = 0
    committed: int = 0
    before_record: int = 0
    leftovers: int = 0
    problems: list[str] = field(default_factory=list)


def kill_loop(folder: Path, store: str, kills: int, seed: int, clips: int = CLIPS) -> Outcome:
    """Kill writers, one alone or two on the same work, ``kills`` times; begin anew whenever a cache is complete."""
    rng, outcome = random.Random(seed), Outcome()
    reference, path = folder / "reference", folder / "killed"
    write(reference, store, clips)
    while outcome.kills < kills:
        reported = _killed_once(path, store, clips, rng.uniform(0.0, 0.25), rng.randint(1, 2))
        if reported is None:
            write(path, store, clips)  # a second writer may have been killed over its last shard
            _compare(path, reference, outcome)
            shutil.rmtree(path)
            continue
        outcome.kills += 1
        _check(path, reported, outcome)
    write(path, store, clips)
    _compare(path, reference, outcome)
    return outcome


def _killed_once(path: Path, store: str, clips: int, after: float, writers: int) -> list[str] | None:
    """Return the shards that writers reported before they were killed; None when the first one finished first."""
    command = [sys.executable, __file__, str(path), store, str(clips)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(writers)]
    first = running[0].stdout.readline()  # interpreters start at their own pace: count from the first commit
    time.sleep(after)
    for writer in running:
        writer.send_signal(signal.SIGKILL)
    reported = [first.strip()]
    for writer in running:
        lines = writer.communicate()[0].splitlines(keepends=True)
        reported += [line.strip() for line in lines if line.endswith("\n")]
    return reported if running[0].returncode == -signal.SIGKILL else None


def _check(path: Path, reported: list[str], outcome: Outcome) -> None:
    reader = CacheReader(path)
    names = {record.name for record in reader.records}
    lost = [name for name in reported if name and name not in names]
    outcome.problems += [f"reported and not there: {name}" for name in lost]
    for clip_id in reader.clip_ids:
        expected = clip(clip_id)
        for name, values in expected.frames.items():
            if reader.read_frames(clip_id, name).tobytes() != values.tobytes():
                outcome.problems.append(f"{clip_id}, {name}: other bits")
        outcome.committed += 1
    for finding in verify(path).findings:
        if "no commit record" in finding.problem:
            outcome.before_record += 1
        else:
            outcome.problems.append(str(finding))
    outcome.leftovers += len(list((path / "shards").glob("*.tmp")))


def _compare(path: Path, reference: Path, outcome: Outcome) -> None:
    outcome.problems += [str(difference) for difference in diff(path, reference, exact=True)]
    outcome.problems += [str(finding) for finding in verify(path).findings]
    outcome.problems += [f"left behind: {item}" for item in [*path.rglob("*.tmp"), *path.glob("leases/*")]]


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), lambda name: print(name, flush=True))
