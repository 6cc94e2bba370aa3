"""Imports features as other tools leave them: MB/s beside a plain copy of the npy files, and the memory it takes.

python tests/bench/bench_import.py [--clips 10000 --frames 346 --width 768] [--layouts npy pickle] [--folder FOLDER]

The copy and the import are each forced to the disk. A pickle is imported once more with no more address space than
half its size, which only works if it is never held in memory.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
COPY_BYTES = 1 << 20


class Streamed(dict[str, np.ndarray]):
    """A dict that is pickled clip by clip, so that making a large pickle needs no memory for it."""

    def __init__(self, make: Callable[[], Iterator[tuple[str, np.ndarray]]]) -> None:
        super().__init__()
        self._make = make

    def items(self) -> Iterator[tuple[str, np.ndarray]]:  # type: ignore[override]
        """Yield the clips."""
        return self._make()


class StreamedPickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """Forgets each clip once it is written."""

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        """Write an object; what was large is not remembered."""
        if isinstance(obj, Streamed):
            self.write(pickle.EMPTY_DICT)
            for name, values in obj.items():
                super().save(name)
                super().save(values)
                self.write(pickle.SETITEM)
                self.clear_memo()
            return
        super().save(obj, save_persistent_id)


def clips(count: int, frames: int, width: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield ids and float16 features; a few arrays in turns, each with its number in it."""
    rng = np.random.default_rng(0)
    pool = [rng.normal(size=(frames, width)).astype(np.float16) for _ in range(8)]
    for number in range(count):
        values = pool[number % len(pool)].copy()
        values[0, 0] = number % 2048
        yield f"{number:05}", values


def make(folder: Path, layout: str, count: int, frames: int, width: int) -> Path:
    """Write clips in a layout; return the source."""
    folder.mkdir(parents=True)
    if layout == "npy":
        for name, values in clips(count, frames, width):
            np.save(folder / f"{name}.npy", values)
        return folder
    path = folder / "clips.pkl"
    with path.open("wb") as file:
        StreamedPickler(file, 4).dump(Streamed(lambda: clips(count, frames, width)))
    return path


def copy(source: Path, target: Path) -> float:
    """Copy the files of a source with plain reads and writes; return the seconds until the disk has them."""
    target.mkdir()
    begun = time.perf_counter()
    paths = sorted(source.iterdir()) if source.is_dir() else [source]
    for path in paths:
        with path.open("rb") as file, (target / path.name).open("wb") as made:
            while block := file.read(COPY_BYTES):
                made.write(block)
    for path in paths:  # all at the end: the disk is never waited for in between
        with (target / path.name).open("rb") as made:
            os.fdatasync(made.fileno())
    return time.perf_counter() - begun


def run_import(source: Path, out: Path, space: int | None = None) -> tuple[float, float]:
    """Import a source in a process of its own; return its seconds, and its largest memory [MB]."""
    code = (
        "import resource, sys; from cache.__main__ import main\n"
        "sys.argv[1:] = sys.argv[2:]\n"
        "try: main()\n"
        "finally: print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "-",
        "import",
        str(source),
        "--out",
        str(out),
        "--frame-shift",
        "0.02",
    ]
    limit = None if space is None else (lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space)))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, preexec_fn=limit)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return seconds, float(done.stdout.rpartition("PEAK")[2])


def measure(folder: Path, layout: str, count: int, frames: int, width: int) -> dict[str, float]:
    """Return the MB/s of copying and importing, their ratio, and the import's memory."""
    source = make(folder / layout, layout, count, frames, width)
    megabytes = count * frames * width * 2 / 1e6
    copied = copy(source, folder / f"{layout}-copy")
    shutil.rmtree(folder / f"{layout}-copy")
    imported, peak = run_import(source, folder / f"{layout}-cache")
    shutil.rmtree(folder / f"{layout}-cache")
    made = {
        "MB": megabytes,
        "copy": megabytes / copied,
        "import": megabytes / imported,
        "ratio": copied / imported,
        "peak": peak,
    }
    if layout == "pickle":
        space = max(2_000_000_000, int(megabytes * 5e5))
        _, made["peak_limited"] = run_import(source, folder / "limited", space)
        made["space"] = space / 1e6
        shutil.rmtree(folder / "limited")
    shutil.rmtree(folder / layout)
    return made


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=346)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layouts", nargs="+", default=["npy", "pickle"], choices=["npy", "pickle"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for layout in options.layouts:
            made = measure(Path(folder), layout, options.clips, options.frames, options.width)
            print(
                f"{layout}: {options.clips} clips ({options.frames}, {options.width}), {made['MB']:.0f} MB: "
                f"import {made['import']:.0f} MB/s, copy {made['copy']:.0f} MB/s, {made['ratio']:.2f} of it; "
                f"peak {made['peak']:.0f} MB"
            )
            if "space" in made:
                print(
                    f"  with {made['space']:.0f} MB of address space: done, peak {made['peak_limited']:.0f} MB"
                )


if __name__ == "__main__":
    main()
