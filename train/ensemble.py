"""Ensembles in clips → extract → cache → train → intensities: several seeds of one config, averaged.

The folder holds one run a seed (``seed-<n>``) and ``ensemble.json``, which names them; ``evaluate`` and
``predict`` take it wherever they take a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache import CacheReader
from train.config import FitConfig
from train.errors import RunError
from train.files import read_json, write_json
from train.fitting import Surroundings, fit
from train.labels import Splits
from train.metrics import score_all, score_table
from train.predicting import predict
from train.run import Run, load_run

ENSEMBLE = "ensemble.json"


def fit_seeds(
    cache: Path,
    labels: Splits,
    config: FitConfig,
    out: Path,
    count: int,
    overwrite: bool,
    inputs: dict[str, Any],
    strict: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Fit ``count`` seeds from the config's on, and describe their mean.

    Returns:
        What a person reads, and the content of ``ensemble.json``.

    Raises:
        RunError: if ``out`` holds a run of its own.
    """
    if (out / "config.json").exists():
        raise RunError(f"{out}: holds a single run; give a new folder for the ensemble with --out")
    seeds = range(config.seed, config.seed + count)
    runs = [
        fit(
            cache,
            labels,
            replace(config, seed=seed),
            out / f"seed-{seed}",
            overwrite=overwrite,
            inputs=inputs,
            surroundings=Surroundings(strict=strict, audited=seed > config.seed),
        )
        for seed in seeds
    ]
    found: dict[str, Any] = {"runs": [run.path.name for run in runs], "valid": None}
    text = f"{count} heads, seeds {seeds[0]} to {seeds[-1]}"
    if not config.train_on_all:
        found["valid"] = _scores(runs, cache, labels)
        each = ", ".join(f"{run.metrics['valid'][config.metric]['mean'] or float('nan'):.3f}" for run in runs)
        table = score_table(found["valid"], labels.train.names)
        text += f"; alone: {each} ({config.metric})\n\nscores of their mean prediction\n{table}"
    write_json(out / ENSEMBLE, found)
    return text, found


def load_runs(path: Path) -> list[Run]:
    """Load a run, or all runs of an ensemble.

    Raises:
        RunError: if the folder holds neither.
    """
    if not (path / ENSEMBLE).exists():
        return [load_run(path)]
    names = read_json(path / ENSEMBLE).get("runs") or []
    if not names or any(Path(name).name != name for name in names):
        raise RunError(f"{path / ENSEMBLE}: names no runs of this folder")
    return [load_run(path / name) for name in names]


def _scores(runs: Sequence[Run], cache: Path, labels: Splits) -> dict[str, Any]:
    with CacheReader(cache) as reader:
        valid = labels.valid.take([i for i, clip in enumerate(labels.valid.clip_ids) if clip in reader])
        values = np.mean([predict(run, reader, valid.clip_ids).values for run in runs], axis=0)
    return score_all(valid.targets, values, valid.names)
