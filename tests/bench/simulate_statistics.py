"""Simulated corpora whose truth is known: do the intervals cover it, do the tests keep their level?

    python tests/bench/simulate_statistics.py [--corpora 1000] [--json]

Every corpus has 200 speakers with 23 clips each and two targets. Labels and predictions share an intra-class
correlation (ICC): speakers differ in both. Printed are, per ICC, how often the 95 % interval holds the true
correlation when speakers are drawn and when clips are, how often two equally good rows are told apart at 5 %,
and how often Holm's correction finds any difference among eleven where there is none.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from train.scores.holm import holm
from train.scores.intervals import difference_of, interval_of
from train.scores.resampling import Resampler

SPEAKERS, CLIPS, TARGETS = 200, 23, 2
ROWS, SHARED = 12, 0.5  # rows of a table, and how much of their errors they have in common
RHO = 0.3
ICCS = (0.0, 0.2, 0.3)
SEEDS, SEED_SPREAD = 5, 0.02


def draw_noise(rng: np.random.Generator, icc: float, rows: int = 1) -> np.ndarray:
    """Return (rows, clips, targets) of variance 1, of which ``icc`` is common to a speaker's clips."""
    people = rng.standard_normal((rows, SPEAKERS, 1, TARGETS))
    clips = rng.standard_normal((rows, SPEAKERS, CLIPS, TARGETS))
    return (math.sqrt(icc) * people + math.sqrt(1 - icc) * clips).reshape(rows, -1, TARGETS)


def draw_corpus(rng: np.random.Generator, icc: float, rows: int, shared: float, spread: float = 0.0):
    """Return labels and predictions whose true correlation is RHO in each target, for each row."""
    truth = draw_noise(rng, icc)
    noise = draw_noise(rng, icc, rows)
    common = draw_noise(rng, icc)
    errors = math.sqrt(shared) * common + math.sqrt(1 - shared) * noise
    rho = RHO + spread * rng.standard_normal((rows, 1, 1))
    return truth[0], rho * truth + np.sqrt(1 - rho**2) * errors


def simulate_coverage(corpora: int, icc: float, seeds: int, resamples: int) -> dict[str, float]:
    """Return the share of corpora whose interval holds RHO, drawing speakers and drawing clips."""
    people = np.repeat(np.arange(SPEAKERS), CLIPS).tolist()
    spread = SEED_SPREAD if seeds > 1 else 0.0
    held = {"speakers": 0, "clips": 0}
    for corpus in range(corpora):
        rng = np.random.default_rng([1, corpus, int(100 * icc), seeds])
        truth, predictions = draw_corpus(rng, icc, seeds, SHARED, spread)
        draws = {"speakers": (people, resamples), "clips": (None, resamples // 4)}
        for by, (clusters, number) in draws.items():
            resampler = Resampler.of(len(truth), clusters, number, seed=corpus)
            interval = interval_of(resampler, resampler.scores(truth, predictions, "pearson"))
            held[by] += interval.low <= RHO <= interval.high
    return {by: count / corpora for by, count in held.items()}


def simulate_tests(corpora: int, icc: float, resamples: int) -> dict[str, float]:
    """Return how often differences that do not exist are found: one by one, and any of a table's eleven."""
    people = np.repeat(np.arange(SPEAKERS), CLIPS).tolist()
    single, family = 0.0, 0
    for corpus in range(corpora):
        rng = np.random.default_rng([2, corpus, int(100 * icc)])
        truth, rows = draw_corpus(rng, icc, ROWS, SHARED)
        resampler = Resampler.of(len(truth), people, resamples, seed=corpus)
        scores = [resampler.scores(truth, row[None], "pearson") for row in rows]
        p_values = np.array(
            [difference_of(resampler, row, scores[0], "pearson").p_value for row in scores[1:]]
        )
        single += float((p_values <= 0.05).mean())
        family += bool((holm(p_values) <= 0.05).any())
    return {"single": single / corpora, "family": family / corpora}


def main() -> None:
    """Run the simulations and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results, started = {}, time.perf_counter()
    for icc in ICCS:
        for seeds in (1, SEEDS):
            found = simulate_coverage(given.corpora, icc, seeds, given.resamples)
            results[f"coverage, icc {icc}, {seeds} seed(s)"] = found
            if not given.json:
                shown = f"speakers {found['speakers']:.1%}  clips {found['clips']:.1%}"
                print(f"ICC {icc:.1f}, {seeds} seed(s): 95 % intervals hold the truth  {shown}", flush=True)
        found = simulate_tests(given.corpora, icc, given.resamples)
        results[f"tests, icc {icc}"] = found
        if not given.json:
            shown = f"rejected {found['single']:.1%}  Holm, any of {ROWS - 1}: {found['family']:.1%}"
            print(f"ICC {icc:.1f}: differences that do not exist, at 5 %  {shown}", flush=True)
    if given.json:
        print(json.dumps(results))
    else:
        print(f"{given.corpora} corpora each, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
