"""Seconds that whole commands take which have next to nothing to do: medians, of one or two checkouts in turns.

    python tests/bench/bench_startup.py [--rounds 7] [--old CHECKOUT]

``--old`` names a second checkout, of an earlier commit, that runs with the same Python.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(checkout: Path, *arguments: str) -> float:
    """Run ``python -m …`` from a checkout; return its seconds."""
    env = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", *arguments], env=env, cwd=checkout, check=True, capture_output=True)
    return time.perf_counter() - begun


def commands(work: Path) -> dict[str, tuple[str, ...]]:
    """Make a small corpus and its cache; return the commands to time."""
    demo, cache = work / "demo", work / "cache"
    extraction = (
        "extract",
        "run",
        str(demo / "media"),
        "--out",
        str(cache),
        "--model",
        str(demo / "encoder"),
    )
    run(ROOT, "extract", "demo", "--out", str(demo), "--clips", "24")
    run(ROOT, *extraction)
    return {
        "emi-extract run, nothing to extract": extraction,
        "emi-cache info": ("cache", "info", str(cache)),
        "emi-extract --help": ("extract", "--help"),
        "emi-cache --help": ("cache", "--help"),
        "emi-train --help": ("train", "--help"),
        "emi-train fit --help": ("train", "fit", "--help"),
    }


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--old", type=Path)
    options = parser.parse_args()
    checkouts = [path.resolve() for path in (ROOT, options.old) if path]
    with tempfile.TemporaryDirectory() as work:
        for name, arguments in commands(Path(work)).items():
            seconds: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
            for _ in range(options.rounds):
                for checkout, times in seconds.items():
                    times.append(run(checkout, *arguments))
            shown = ", before ".join(f"{statistics.median(times):.2f} s" for times in seconds.values())
            print(f"{name:<36} {shown}")


if __name__ == "__main__":
    main()
