"""SIGKILL at random instants over whole commands: run, update, merge, convert, compact, import, fit and ablate.

    python tests/bench/kill_commands.py [--kills 200 --seed 0 --only TEXT --stores hdf5 zarr]

Each command is run once undisturbed; then again and again from its beginning, killed after a random time and given
once more until it ends by itself. What it leaves has to be what the undisturbed one left: the same clips bit by
bit, the same files, the same numbers, nothing besides. Exit code 1 when anything is not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cache import CacheReader, diff, verify  # noqa: E402

OTHER = {"hdf5": "zarr", "zarr": "hdf5"}
FIT = "--labels labels.csv --hidden 4 --precision float32"
IMPORT = "--frame-shift 0.02 --shard-mb 0.02"
RUN_FILES = ("head.safetensors", "history.csv", "predictions.csv", "clips.csv")
TABLES = ("results.csv", "predictions.csv", "truth.csv", *RUN_FILES)


@dataclass(frozen=True)
class Job:
    """A command, what stands in the place of its output before, and how two outputs are compared."""

    name: str
    command: str
    compare: Callable[[Path, Path], list[str]]
    before: str = ""


@dataclass
class Outcome:
    """What was met: kills that hit a running command, and anything that must not be."""

    kills: int = 0
    finished: int = 0
    problems: list[str] = field(default_factory=list)


def jobs(store: str) -> tuple[Job, ...]:
    """Return the commands; OUT stands for where they write."""
    run = f"extract run {{media}} --model logmel --shard-mb 0.02 --backend {store} --out OUT"
    other = OTHER[store]
    return (
        Job("run", run.format(media="media"), same_caches),
        Job("update", run.format(media="changed") + " --update", same_caches, before="cache"),
        Job("merge", "cache merge first second --out OUT", same_caches),
        Job("convert", f"cache convert cache OUT --backend {other}", same_caches),
        Job("compact", "cache compact cache OUT --pool 2 --project 4 --no-measure", same_caches),
        Job("import", f"cache import features {IMPORT} --backend {store} --out OUT", same_caches),
        Job("fit", f"train fit cache {FIT} --no-vad --threads 1 --epochs 40 --out OUT", same_runs),
        Job("ablate", f"train ablate cache {FIT} --epochs 6 --grid grid.toml --seeds 2 --out OUT", same_runs),
    )


def same_caches(reference: Path, found: Path) -> list[str]:
    """Return how a cache differs from what it should be."""
    problems = [str(difference) for difference in diff(reference, found, exact=True)]
    problems += [str(finding) for finding in verify(found).findings]
    return problems + other_files(reference, found)


def same_runs(reference: Path, found: Path) -> list[str]:
    """Return how a run or a study differs from what it should be."""
    problems = other_files(reference, found)
    for path in sorted(reference.rglob("*")):
        there = found / path.relative_to(reference)
        if path.name in TABLES and there.is_file() and path.read_bytes() != there.read_bytes():
            problems.append(f"{there.relative_to(found)}: other bytes")
    return problems


def other_files(reference: Path, found: Path) -> list[str]:
    """Return the files that only one of two folders has."""
    names = [{str(path.relative_to(each)) for path in each.rglob("*")} for each in (reference, found)]
    left = [f"left behind: {name}" for name in sorted(names[1] - names[0])]
    return left + [f"missing: {name}" for name in sorted(names[0] - names[1])]


def half_done(folder: Path, before: set[str]) -> list[str]:
    """Return what is wrong with what a killed command left, as the next reader finds it."""
    if not (folder / "cache.json").exists():
        return []
    with CacheReader(folder) as reader:
        problems = [f"lost: {clip}" for clip in sorted(before - set(reader.clip_ids))]
    return problems + [
        str(each) for each in verify(folder).findings if "no commit record" not in each.problem
    ]


def make_inputs(folder: Path, store: str) -> None:
    """Make clips, a changed copy, labels, a grid, and caches of them."""
    rng = np.random.default_rng(0)
    for number in range(24):
        sound = 0.1 * rng.standard_normal(4000 + 400 * (number % 7))
        for where in ("media", "changed", "one" if number < 12 else "two"):
            (folder / where).mkdir(parents=True, exist_ok=True)
            changed = sound[::-1] if where == "changed" and number % 5 == 0 else sound
            soundfile.write(folder / where / f"c{number:02}.wav", changed, 16_000)
    (folder / "features").mkdir()
    for number in range(60):
        np.save(folder / "features" / f"c{number:02}.npy", rng.standard_normal((40, 64)).astype(np.float16))
    rows = [f"c{n:02},{'train' if n < 16 else 'valid'},s{n // 4},{rng.random():.3f}" for n in range(24)]
    (folder / "labels.csv").write_text("\n".join(["clip_id,split,speaker,joy", *rows]) + "\n")
    (folder / "grid.toml").write_text("[base]\nvad = false\n[grid]\nlr = [0.001, 0.01]\n")
    for media, out in (("media", "cache"), ("one", "first"), ("two", "second")):
        command = f"extract run {media} --model logmel --shard-mb 0.02 --backend {store} --out {out}"
        start(folder, command).wait()


def start(folder: Path, command: str, log: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a command of the project in a folder."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", *command.split()], cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT
    )


def undisturbed(folder: Path, job: Job) -> tuple[Path, float]:
    """Run a job to its end; return what it left and its seconds."""
    out = folder / f"reference-{job.name}"
    prepare(folder, job, out)
    began = time.perf_counter()
    process = start(folder, job.command.replace("OUT", out.name), subprocess.PIPE)
    said = process.communicate()[0].decode()
    if process.returncode not in (0, 3):
        raise SystemExit(f"{job.command}: {said}")
    return out, time.perf_counter() - began


def prepare(folder: Path, job: Job, out: Path) -> None:
    """Put what stands in the place of a job's output before it."""
    shutil.rmtree(out, ignore_errors=True)
    if job.before:
        shutil.copytree(folder / job.before, out)


def torment(folder: Path, job: Job, kills: int, rng: random.Random) -> Outcome:
    """Kill a job so many times, each time going on with what is there; compare whenever it ends by itself."""
    outcome, out = Outcome(), folder / f"killed-{job.name}"
    reference, seconds = undisturbed(folder, job)
    prepare(folder, job, out)
    before = clips_of(out)
    while outcome.kills < kills:
        process = start(folder, job.command.replace("OUT", out.name))
        try:
            process.wait(rng.uniform(0.3, 1.1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            outcome.kills += 1
            outcome.problems += half_done(out, before)
            continue
        finish(outcome, job, reference, out, process.returncode)
        prepare(folder, job, out)
    process = start(folder, job.command.replace("OUT", out.name))
    finish(outcome, job, reference, out, process.wait())
    return outcome


def clips_of(out: Path) -> set[str]:
    """Return the clips of a cache that is there from the beginning."""
    if not (out / "cache.json").exists():
        return set()
    with CacheReader(out) as reader:
        return set(reader.clip_ids)


def finish(outcome: Outcome, job: Job, reference: Path, out: Path, code: int) -> None:
    """Judge what a job that ended by itself has left."""
    outcome.finished += 1
    if code not in (0, 3):
        outcome.problems.append(f"exit code {code} after kills")
    outcome.problems += job.compare(reference, out)


def torment_all(stores: Sequence[str], kills: int, seed: int, only: str = "") -> dict[str, Outcome]:
    """Torment every command with every back end, ``kills`` times each; name → what was met."""
    found, rng = {}, random.Random(seed)
    for store in stores:
        with tempfile.TemporaryDirectory() as scratch:
            make_inputs(Path(scratch), store)
            for job in jobs(store):
                if only in job.name:
                    found[f"{job.name}, {store}"] = torment(Path(scratch), job, kills, rng)
    return found


def main() -> int:
    """Print what was met; 1 when anything must not be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="over all commands and back ends")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--stores", nargs="+", default=list(OTHER))
    options = parser.parse_args()
    each = -(-options.kills // (len(options.stores) * sum(options.only in job.name for job in jobs("hdf5"))))
    found = torment_all(options.stores, each, options.seed, options.only)
    for name, outcome in found.items():
        print(
            f"{name}: {outcome.kills} kills, {outcome.finished} ends compared, {len(outcome.problems)} problems"
        )
        for problem in outcome.problems[:10]:
            print("  " + problem)
    return 1 if any(outcome.problems for outcome in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
