"""Every bit of a run, a study, an ensemble, folds and a bundle, flipped: refused, or it changes no number.

python tests/bench/flip_run.py [--every 1] [--seed 0] [--only run bundle]

``--every 50`` tries one bit of fifty; pictures are left out, which nothing reads. Exit code 1 when a flip changed a
number in silence, or ended in an error that is none of the project's.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from cache import read_table
from cache.common.errors import EmiError
from cache.common.progress import Progress
from train import FitConfig, fit, load_run, read_labels, read_splits
from train.audit.checks import Audit
from train.checksums import read_json, read_sealed, verified
from train.config_file import read_fields
from train.labels.folds import Folding
from train.runs.bundle import bundle
from train.runs.history import read_history
from train.runs.submission import predictions_in
from train.studies.ablation import ablate
from train.studies.cross_validation import fit_folds
from train.studies.ensemble import fit_seeds
from train.studies.grid import component_rows
from train.studies.options import RepeatOptions, StudyOptions
from train.studies.study import load_study

GOLDEN = Path(__file__).resolve().parents[1] / "train" / "golden"
CONFIG = FitConfig(hidden=1, lstm_layers=1, fusion_head=False, epochs=2)
Readings = Callable[[Path], list[Any]]


@dataclass
class Outcome:
    """What came of the flips: how many were refused or changed nothing; what must not be, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Print what was met; 1 when anything must not be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="names of what is flipped; all of them otherwise")
    options = parser.parse_args()
    problems = 0
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        for name, (folder, readings) in everything(Path(root)).items():
            if options.only and name not in options.only:
                continue
            begun = time.perf_counter()
            outcome = flip_bits(folder, readings, options.every, options.seed)
            told = ", ".join(f"{count} {what}" for what, count in sorted(outcome.counts.items()))
            print(f"{name}: {told}; {len(outcome.problems)} problems, {time.perf_counter() - begun:.0f} s")
            for problem in outcome.problems[:20]:
                print(f"  {problem}")
            problems += len(outcome.problems)
    return 1 if problems else 0


def everything(root: Path) -> dict[str, tuple[Path, Readings]]:
    """Make one of each kind; name → its folder, and what reads it."""
    cache, splits = GOLDEN / "cache", read_splits(labels=GOLDEN / "labels")
    quiet = Progress((root / "progress.txt").open("w"))
    fit(cache, splits, CONFIG, root / "run", progress=quiet)
    fit(GOLDEN / "compact", splits, CONFIG, root / "compact", progress=quiet)
    fit_seeds(cache, splits, CONFIG, 2, RepeatOptions(root / "ensemble"))
    folding = Folding(2, "speaker")
    fit_folds(
        cache, read_labels(GOLDEN / "labels" / "all.csv"), CONFIG, folding, RepeatOptions(root / "folds")
    )
    ablate({"cache": cache}, splits, component_rows(CONFIG, "cache")[-1:], StudyOptions(root / "study"))
    bundle(root / "run", root / "head.zip")
    with zipfile.ZipFile(root / "head.zip") as archive:
        archive.extractall(root / "bundle")
    return {
        "run": (root / "run", run_readings),
        "run on a compact cache": (root / "compact", run_readings),
        "ensemble": (root / "ensemble", ensemble_readings),
        "folds": (root / "folds", folds_readings),
        "study": (root / "study", study_readings),
        "bundle": (root / "bundle", run_readings),
    }


def flip_bits(folder: Path, readings: Readings, every: int = 1, seed: int = 0) -> Outcome:
    """Flip one bit of ``every`` in each file of a folder, and read it as the commands do."""
    logging.disable(logging.WARNING)
    expected, outcome = readings(folder), Outcome()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png"):
        whole = path.read_bytes()
        for position in positions(len(whole) * 8, every, seed):
            flipped = bytearray(whole)
            flipped[position // 8] ^= 1 << position % 8
            path.write_bytes(flipped)
            where = f"{path.relative_to(folder)}, bit {position}"
            try:
                same = readings(folder) == expected
            except EmiError as error:
                outcome.counts["refused"] += 1
                if "\n" in str(error):
                    outcome.problems.append(f"{where}: more than one line, {error}")
            except Exception as error:
                outcome.problems.append(f"{where}: {type(error).__name__}: {error}")
            else:
                outcome.counts["change nothing" if same else "CHANGE SOMETHING"] += 1
                if not same:
                    outcome.problems.append(f"{where}: other values, and no word")
        path.write_bytes(whole)
    logging.disable(logging.NOTSET)
    return outcome


def positions(bits: int, every: int, seed: int) -> Iterator[int]:
    """Yield bits at random, one of each run of ``every``."""
    rng = random.Random(seed)
    for start in range(0, bits, every):
        yield min(start + rng.randrange(every), bits - 1)


def run_readings(folder: Path) -> list[Any]:
    """Return what the commands read of a run, each file by its own reader; an unpacked bundle has only some."""
    run = load_run(folder)
    found: list[Any] = [head_values(run), run.trained_on(), read_fields(folder / "config.json")]
    if (folder / "projection.npz").exists():
        verified(folder / "projection.npz")
    if (folder / "environment.json").exists():
        table = verified(folder / "predictions.csv")
        clips = read_table(table).ids()
        found += [clips, predictions_in(read_table(table), clips, run.targets.names, table).tolist()]
        found += [read_json(folder / "environment.json"), read_history(folder / "history.csv")]
        found.append(Audit.load(folder))
    return found


def head_values(run: Any) -> list[Any]:
    """Return everything that a head predicts and is described with."""
    weights = {name: weight.numpy().tobytes() for name, weight in run.head.state_dict().items()}
    targets = [np.asarray(value).tolist() for value in vars(run.targets).values()]
    return [weights, targets, run.config, dict(run.recipe), run.layer, run.metrics]


def ensemble_readings(folder: Path) -> list[Any]:
    """Return what is read of an ensemble."""
    run = load_run(folder)
    return [
        run.path,
        [head_values(each) for each in (run, *run.others)],
        read_sealed(folder / "ensemble.json"),
    ]


def folds_readings(folder: Path) -> list[Any]:
    """Return what is read of a cross-validation."""
    result = read_sealed(folder / "folds.json")
    tables = [verified(folder / name, digest).read_bytes() for name, digest in result["files"].items()]
    return [result, tables, [run_readings(folder / run["run"]) for run in result["runs"]]]


def study_readings(folder: Path) -> list[Any]:
    """Return what is read of a study."""
    study = load_study(folder)
    values = [study.predictions(row).tolist() for row in study.rows]
    runs = [head_values(load_run(folder / run)) for row in study.rows for run in row.runs]
    return [study.rows, study.caption, study.truth.tolist(), study.speakers, study.clip_ids, values, runs]


if __name__ == "__main__":
    sys.exit(main())
