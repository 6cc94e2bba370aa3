"""What a user waits for on a compact cache of the corpus' size: the first step of a fit, and a whole ablation.

    python tests/bench/time_training.py [--pool 5 --only step ablate streams]

8,072 + 4,588 synthetic clips, 128 axes, heads of 128 units, bfloat16 where this CPU has it. The ablations are
that of all components, and that of the seven sets of three such caches as streams, with three seeds and ten epochs:
minutes. Memory is that of all processes together, shared pages counted once. On a machine that does other work,
too, half the processor time is what two quiet cores take.
"""

from __future__ import annotations

import argparse
import os
import pty
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

from corpus import make_corpus  # noqa: E402

from train.runs.precision import runs_in_bfloat16  # noqa: E402

COMMAND = [sys.executable, "-m", "train"]
PRECISION = "bfloat16" if runs_in_bfloat16("lstm", 128) else "float32"
COMMON = ["--hidden", "128", "--precision", PRECISION]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def first_step(arguments: Sequence[str]) -> float:
    """Return the seconds from starting a fit on a terminal to its first word of a step done."""
    ours, theirs = pty.openpty()
    begun = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=theirs, stderr=theirs, env=ENVIRONMENT)
    seen = b""
    while b"clips/s" not in seen:
        seen += os.read(ours, 4096)
    taken = time.perf_counter() - begun
    process.kill()
    process.wait()
    return taken


def whole_command(arguments: Sequence[str]) -> tuple[float, float, float]:
    """Return the seconds of a command, those of the processor, and the peak memory of its processes [MB]."""
    begun, peak, before = time.perf_counter(), 0.0, processor_seconds()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_memory, family(process.pid))))
        time.sleep(1)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}")
    return time.perf_counter() - begun, processor_seconds() - before, peak


def processor_seconds() -> float:
    """Return the processor seconds of all processes that were started here, and by those, and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def family(pid: int) -> list[int]:
    """Return a process and all it has started."""
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def proportional_memory(pid: int) -> float:
    """Return a process' memory, of shared pages its share [MB]."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0.0


def time_ablation(caches: Sequence[str], labels: Path, grid: str, out: Path, fits: tuple[int, int]) -> None:
    """Print what an ablation takes."""
    seeds, epochs = fits
    options = ["--grid", grid, "--seeds", str(seeds), "--epochs", str(epochs), "--out", str(out)]
    seconds, spent, peak = whole_command(["ablate", *caches, "--labels", str(labels), *COMMON, *options])
    print(
        f"ablate --grid {grid} --seeds {seeds} --epochs {epochs}: {seconds // 60:.0f} min {seconds % 60:.0f} s, "
        f"{spent / 60:.1f} min of a processor, {peak:.0f} MB in all",
        flush=True,
    )


def main() -> None:
    """Make the caches, and time the commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["step", "ablate", "streams"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--part", type=int, default=1, help="take one in so many of the clips")
    options = parser.parse_args()
    fits, clips = (options.seeds, options.epochs), (8072 // options.part, 4588 // options.part)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        names = ("audio", "face", "text") if "streams" in options.only else ("audio",)
        made = [
            make_corpus(folder / name, 128, 0.02 * options.pool, *clips, seed=number)
            for number, name in enumerate(names)
        ]
        cache, labels = made[0]
        where = [str(cache), "--labels", str(labels), *COMMON]
        if "step" in options.only:
            times = [first_step(["fit", *where, "--out", str(folder / f"fit-{turn}")]) for turn in range(3)]
            print(f"first step of a fit, pool {options.pool}: {', '.join(f'{t:.1f} s' for t in times)}")
        if "ablate" in options.only:
            time_ablation([str(cache)], labels, "components", folder / "ablation", fits)
        if "streams" in options.only:
            caches = [f"{name}={each}" for name, (each, _) in zip(names, made, strict=True)]
            time_ablation(caches, labels, "streams", folder / "streams", fits)


if __name__ == "__main__":
    main()
