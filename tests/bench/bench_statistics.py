"""Time the statistics of an ablation table: 12 rows × 5 seeds, 4,588 clips × 6 emotions.

    python tests/bench/bench_statistics.py [--metric pearson ccc spearman]

Fails above 60 s. Each row gets its interval, and its paired difference to the first.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from train.scores.holm import holm
from train.scores.intervals import difference_of, interval_of
from train.scores.leave_one_out import Clusters

ROWS, SEEDS, CLIPS, EMOTIONS, SPEAKERS = 12, 5, 4588, 6, 150
LIMIT = 60.0  # seconds


def time_table(metric: str, speakers: int | None) -> float:
    """Return the seconds that one table takes; each clip is left out where there are no speakers."""
    rng = np.random.default_rng(0)
    truth = np.round(np.clip(rng.standard_normal((CLIPS, EMOTIONS)), 0, None), 2)  # zero-inflated
    rows = [truth + 2 * rng.standard_normal((SEEDS, CLIPS, EMOTIONS)) for _ in range(ROWS)]
    people = rng.integers(0, speakers, CLIPS).tolist() if speakers else None
    started = time.perf_counter()
    clusters = Clusters.of(CLIPS, people)
    scores = [clusters.scores(truth, row, metric) for row in rows]
    for row in scores:
        interval_of(clusters, row, metric)
    holm([difference_of(clusters, row, scores[0], metric).p_value for row in scores[1:]])
    return time.perf_counter() - started


def main() -> None:
    """Print the seconds per metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metric", nargs="+", default=["pearson", "spearman"])
    slowest = 0.0
    for metric in parser.parse_args().metric:
        for speakers in (SPEAKERS, None):
            seconds = time_table(metric, speakers)
            slowest = max(slowest, seconds)
            by = f"{speakers} speakers" if speakers else "clips"
            print(f"{metric:<9} {ROWS} rows × {SEEDS} seeds, by {by:<13} {seconds:6.1f} s")
    if slowest > LIMIT:
        sys.exit(f"slower than {LIMIT:.0f} s")


if __name__ == "__main__":
    main()
