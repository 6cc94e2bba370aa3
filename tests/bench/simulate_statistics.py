"""Simulated corpora whose truth is known: do the intervals hold it, do the tests keep their level?

    python tests/bench/simulate_statistics.py [--corpora 1000] [--metrics pearson ccc spearman] [--json FILE]

Designs: 8 to 557 speakers, equally many clips each or log-normally many (1 to 200), normal, heavy-tailed and
zero-inflated labels, 1, 3 and 5 seeds. Printed are, per design and metric, how often the 95 % interval of a
score holds the true one, how often that of a difference of equally good rows holds 0, and how often p is below .05
(never one without the other). ``--single`` also scores the first target alone, ``--families`` Holm's correction of
eleven rows, ``--clips`` what intervals hold that take clips for independent.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.simulated_corpora import Design, FloatArray, draw, true_score
from train.scores.holm import holm
from train.scores.intervals import difference_of, interval_of
from train.scores.leave_one_out import Clusters

SPEAKERS, SIZES = (8, 15, 30, 60, 200, 557), ("equal", "log-normal")
LABELS, SEEDS = ("normal", "heavy", "zero"), (1, 3, 5)
SHARED_ROWS = 12  # rows of a family


class Task(NamedTuple):
    """Some corpora of a design: what is done with them."""

    design: Design
    metrics: tuple[str, ...]
    numbers: range
    single: bool = False
    clips: bool = False


def score_corpora(task: Task) -> Counter[tuple[str, str]]:
    """Return counts by metric: corpora, those whose interval holds the truth, differences found, p-values ≤ .05."""
    found: Counter[tuple[str, str]] = Counter()
    for number in task.numbers:
        corpus = draw(task.design, number)
        kept = slice(0, 1) if task.single else slice(None)
        truth, rows = corpus.truth[:, kept], corpus.rows[..., kept]
        clusters = Clusters.of(len(truth), None if task.clips else corpus.speakers)
        for metric in task.metrics:
            for what in _of_corpus(task.design, metric, clusters, truth, rows):
                found[metric, what] += 1
    return found


def _of_corpus(
    design: Design, metric: str, clusters: Clusters, truth: FloatArray, rows: FloatArray
) -> Iterator[str]:
    """Yield what is counted of a corpus: its first row's interval, and its difference from the second."""
    first, second = (clusters.scores(truth, row, metric) for row in rows)
    interval = interval_of(clusters, first, metric)
    difference = difference_of(clusters, first, second, metric)
    if math.isnan(interval.low) or math.isnan(difference.interval.low):
        yield "undefined"
        return
    outside = not difference.interval.low <= 0 <= difference.interval.high
    yield "corpora"
    if interval.low <= true_score(design.labels, metric, design.seeds) <= interval.high:
        yield "held"
    if difference.p_value <= 0.05:
        yield "rejected"
    if outside != (difference.p_value <= 0.05):
        yield "disagree"


def score_family(task: Task) -> Counter[tuple[str, str]]:
    """Return counts by metric: corpora, and those with any difference among eleven equal rows after Holm."""
    found: Counter[tuple[str, str]] = Counter()
    for number in task.numbers:
        corpus = draw(task.design, number, SHARED_ROWS)
        clusters = Clusters.of(len(corpus.truth), corpus.speakers)
        for metric in task.metrics:
            scores = [clusters.scores(corpus.truth, row, metric) for row in corpus.rows]
            p_values = [difference_of(clusters, row, scores[0], metric).p_value for row in scores[1:]]
            found[metric, "corpora"] += 1
            found[metric, "rejected"] += bool((holm(p_values) <= 0.05).any())
    return found


def main() -> None:
    """Run the simulations and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=int, default=1000)
    parser.add_argument("--metrics", nargs="+", default=["pearson", "ccc", "spearman"])
    parser.add_argument("--speakers", nargs="+", type=int, default=SPEAKERS)
    parser.add_argument("--labels", nargs="+", default=LABELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--clips", action="store_true")
    parser.add_argument("--families", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given, results, started = parser.parse_args(), [], time.perf_counter()
    designs = itertools.product(given.labels, SIZES, given.speakers, given.seeds)
    score = score_family if given.families else score_corpora
    with multiprocessing.Pool(given.processes) as pool:
        for labels, sizes, speakers, seeds in designs:
            design = Design(speakers, sizes, labels, seeds)
            parts = np.array_split(np.arange(given.corpora), 4 * given.processes)
            ranges = [range(part[0], part[-1] + 1) for part in parts if len(part)]
            tasks = [Task(design, tuple(given.metrics), each, given.single, given.clips) for each in ranges]
            counts = sum(pool.map(score, tasks, chunksize=1), Counter())
            for metric in given.metrics:
                found = Counter({what: count for (of, what), count in counts.items() if of == metric})
                results.append({"design": vars(design), "metric": metric, **found})
                print(f"{metric:9}{design.name}  {_shares(found, families=given.families)}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{given.corpora} corpora each, {time.perf_counter() - started:.0f} s")


def _shares(found: Counter[str], *, families: bool) -> str:
    number = max(found["corpora"], 1)
    held = "" if families else f"holds {found['held'] / number:6.1%}  "
    undefined = f"  without an interval {found['undefined']}" if found["undefined"] else ""
    disagree = f"  disagree {found['disagree']}" if found["disagree"] else ""
    return f"{held}found where nothing is {found['rejected'] / number:5.1%}{undefined}{disagree}"


if __name__ == "__main__":
    main()
