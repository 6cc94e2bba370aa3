"""Recipes side by side on a corpus of one's own: folds by speaker, several seeds, the simple models beside them.

    python tests/bench/bench_recipes.py CACHE LABELS.csv [--folds 5] [--seeds 3] [--targets a,b,c] [--speaker]

Each line is one config: mean score over folds and seeds, its interval over speakers, its difference from the first
line, and the seconds of a fit. ``--speaker`` adds what reads unlabelled clips of the speakers it reports on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cache import CacheReader
from train import FitConfig, recipe_config
from train.features.inputs import has_vad
from train.labels.folds import Folding
from train.labels.label_files import LabelFiles, names_in
from train.labels.read_tables import read_all_labels
from train.report.table import build_table
from train.studies.ablation import ablate
from train.studies.floor.baselines import with_baselines
from train.studies.grid import Row
from train.studies.options import StudyOptions
from train.studies.parts import fold_parts
from train.studies.scored import score_rows


def rows_of(cache: Path, clips: int, by_speaker: bool) -> list[Row]:
    """Return the recipes, and the default with one choice changed at a time."""
    auto = recipe_config(cache, clips)
    with CacheReader(cache) as reader:
        paper = FitConfig(vad=has_vad(reader))
    configs = {
        "auto": auto,
        "auto, epoch by inner part, refit": replace(auto, select="inner", refit=True),
        "auto, global mean": replace(auto, clip_vector="mean"),
        "auto, statistics": replace(auto, clip_vector="statistics"),
        "auto, mse": replace(auto, loss="mse"),
        "auto, no dropout": replace(auto, dropout=0.0),
        "auto, not standardised": replace(auto, standardise="none"),
        "auto and GRU": replace(auto, lstm=True),
        "paper": paper,
    }
    if by_speaker:
        configs["auto, by speaker"] = replace(auto, standardise="speaker")
    return [Row(name, config, "cache") for name, config in configs.items()]


def main() -> None:
    """Fit, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--targets", type=names_in)
    parser.add_argument("--speaker", action="store_true")
    parser.add_argument("--out", type=Path, help="keep the study here")
    options = parser.parse_args()
    labels = read_all_labels(LabelFiles(labels=options.labels, targets=options.targets))
    parts = fold_parts([options.cache], labels, Folding(options.folds, "speaker"))
    rows = rows_of(options.cache, len(parts.all[0].labels.train), options.speaker)
    with tempfile.TemporaryDirectory() as name:
        study = StudyOptions(options.out or Path(name) / "study", range(options.seeds), workers=2)
        found = ablate({"cache": options.cache}, parts, rows, study)
        found = with_baselines(found, options.cache, parts, rows[0].config)
        print(build_table(found, score_rows(found)).markdown())


if __name__ == "__main__":
    main()
