"""The laptop cache at the size of the corpus: time, memory, size, and what it costs.

python tests/bench/bench_compact.py [--clips 12660] [--work FOLDER] [--keep]
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]


def main() -> None:
    """Make the cache, compact it in a process of its own, print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=1500, help="12660 is the corpus: 9 GB, minutes")
    parser.add_argument("--work", type=Path, help="folder for the caches; a temporary one by default")
    parser.add_argument("--keep", action="store_true", help="leave the full cache there for another run")
    parser.add_argument("--only-make", action="store_true", help="make the full cache and stop")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    try:
        run(work, options.clips, options.only_make)
    finally:
        shutil.rmtree(work / "small", ignore_errors=True)
        if not options.keep:
            shutil.rmtree(work / "full", ignore_errors=True)


def run(work: Path, clips: int, only_make: bool) -> None:
    from emi_cache import write_cache

    from cache import CacheReader

    begun = time.perf_counter()
    frames = write_cache(work / "full", clips)
    print(f"{clips} clips, {frames} frames in {time.perf_counter() - begun:.0f} s")
    if only_make:
        return
    with CacheReader(work / "full") as reader:
        full = sum(record.num_bytes for record in reader.records)
    code = (
        "import sys, time; from pathlib import Path; from cache.reader import CacheReader\n"
        "from cache.compaction.options import CompactOptions; from cache.compaction.compact import compact, fit\n"
        f"source = Path({str(work / 'full')!r}); options = CompactOptions(5, 256, 'int8')\n"
        "begun = time.perf_counter()\n"
        "marks = {}\n"
        "def on_phase(phase): return lambda *_: marks.update({phase: time.perf_counter() - begun})\n"
        f"compact(source, Path({str(work / 'small')!r}), options, on_phase=on_phase)\n"
        "print(f\"fit {marks['fitting']:.1f} s, write {marks['writing'] - marks['fitting']:.1f} s\")\n"
        "from cache.compaction.measure import as_text, measure\n"
        f"print(as_text(measure(source, Path({str(work / 'small')!r}))))\n"
        "print(f'all with measuring {time.perf_counter() - begun:.1f} s')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    with CacheReader(work / "small") as reader:
        small = sum(record.num_bytes for record in reader.records)
    print(f"{full / 1e9:.2f} GB -> {small / 1e9:.3f} GB: {full / small:.1f} x smaller")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
