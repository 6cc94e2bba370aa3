"""Ensembles in clips → extract → cache → train → intensities: several seeds of one config, averaged.

The folder holds one run a seed (``seed-<n>``) and ``ensemble.json``, which names them; ``evaluate`` and
``predict`` take it wherever they take a run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cache import CacheReader
from train.config import FitConfig
from train.errors import RunError
from train.files import ENSEMBLE_FILE, write_json
from train.fitting.fit import SharedFit, fit
from train.labels.tables import Splits
from train.runs.predict import predict
from train.runs.run_folder import load_run
from train.scores.metrics import score_all, score_table


def fit_seeds(
    cache: Path,
    labels: Splits,
    config: FitConfig,
    out: Path,
    count: int,
    overwrite: bool,
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
            shared=SharedFit(strict=strict, audited=seed > config.seed),
        )
        for seed in seeds
    ]
    found: dict[str, Any] = {"runs": [run.path.name for run in runs], "valid": None}
    text = f"{count} heads, seeds {seeds[0]} to {seeds[-1]}"
    if not config.train_on_all:
        write_json(out / ENSEMBLE_FILE, found)
        found["valid"] = _mean_scores(out, cache, labels)
        each = ", ".join(f"{run.metrics['valid'][config.metric]['mean'] or float('nan'):.3f}" for run in runs)
        table = score_table(found["valid"], labels.train.names)
        text += f"; alone: {each} ({config.metric})\n\nscores of their mean prediction\n{table}"
    write_json(out / ENSEMBLE_FILE, found)
    return text, found


def _mean_scores(out: Path, cache: Path, labels: Splits) -> dict[str, Any]:
    with CacheReader(cache) as reader:
        valid = labels.valid.take([i for i, clip in enumerate(labels.valid.clip_ids) if clip in reader])
        values = predict(load_run(out), reader, valid.clip_ids).values
    return score_all(valid.targets, values, valid.names)
