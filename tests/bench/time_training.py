"""What a user waits for on a compact cache of the corpus' size: the first step of a fit, and a whole ablation.

    python tests/bench/time_training.py [--pool 5 --only step ablate]

8,072 + 4,588 synthetic clips, 128 axes, heads of 128 units, bfloat16 where this CPU has it. The ablation is
that of all components with three seeds and ten epochs: minutes. Memory is that of all its processes together,
shared pages counted once.
"""

from __future__ import annotations

import argparse
import os
import pty
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


def whole_command(arguments: Sequence[str]) -> tuple[float, float]:
    """Return the seconds that a command takes, and the peak memory of all its processes [MB]."""
    begun, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_memory, family(process.pid))))
        time.sleep(1)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}")
    return time.perf_counter() - begun, peak


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


def main() -> None:
    """Make the cache, and time the commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["step", "ablate"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cache, labels = make_corpus(folder, 128, 0.02 * options.pool)
        where = [str(cache), "--labels", str(labels), *COMMON]
        if "step" in options.only:
            times = [first_step(["fit", *where, "--out", str(folder / f"fit-{turn}")]) for turn in range(3)]
            print(f"first step of a fit, pool {options.pool}: {', '.join(f'{t:.1f} s' for t in times)}")
        if "ablate" in options.only:
            grid = ["--grid", "components", "--seeds", "3", "--epochs", "10"]
            seconds, peak = whole_command(["ablate", *where, *grid, "--out", str(folder / "ablation")])
            print(
                f"ablate --grid components --seeds 3 --epochs 10, pool {options.pool}: "
                f"{seconds // 60:.0f} min {seconds % 60:.0f} s, {peak:.0f} MB in all"
            )


if __name__ == "__main__":
    main()
