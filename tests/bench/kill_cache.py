"""200 SIGKILLs at random instants over both back ends: nothing lost, nothing wrong, nothing left behind.

python tests/bench/kill_cache.py [--kills 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from killing import kill_loop


def main() -> int:
    """Print what was met; 1 when anything must not be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    problems = 0
    for store in ("hdf5", "zarr"):
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            outcome = kill_loop(Path(folder), store, options.kills // 2, options.seed)
        print(
            f"{store}: {outcome.kills} kills in {time.perf_counter() - begun:.0f} s, {outcome.committed} committed "
            f"clips read back bit-exact, {outcome.before_record} shards published without their record, "
            f"{outcome.leftovers} dead temporary files, {len(outcome.problems)} problems"
        )
        for problem in outcome.problems[:20]:
            print("  " + problem)
        problems += len(outcome.problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
