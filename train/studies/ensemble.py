"""Ensemble: several seeds of one config, whose predictions are averaged.

The folder holds one run a seed (``seed-<n>``) and ``ensemble.json``, which names them; ``evaluate`` and
``predict`` take it wherever they take a run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.common.progress import Progress
from train.checksums import write_sealed
from train.config import FitConfig
from train.files import ENSEMBLE_FILE
from train.fitting.begun import as_begun
from train.fitting.fit import SharedFit, fit
from train.labels.coverage import cached, opened
from train.labels.tables import Splits
from train.machine import threads_as_chosen
from train.runs.predict import predict
from train.runs.run_folder import load_run
from train.scores.metrics import score_all
from train.streams.stream_set import Caches
from train.studies.claim_folder import ENSEMBLE, claim_folder
from train.studies.options import RepeatOptions


@dataclass(frozen=True)
class Ensemble:
    """An ensemble that was fitted.

    Attributes:
        runs: names of its runs.
        seeds: of the runs.
        metric: what chose the epochs.
        alone: score of each run by ``metric``; empty if no clip is left to report on.
        valid: all scores of their mean prediction; None if no clip is left to report on.
        targets: names of the targets.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    metric: str
    alone: tuple[float | None, ...]
    valid: dict[str, Any] | None
    targets: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``ensemble.json``."""
        return {"runs": list(self.runs), "valid": self.valid}


def fit_seeds(
    cache: Caches,
    labels: Splits,
    config: FitConfig,
    count: int,
    options: RepeatOptions,
    shared: SharedFit | None = None,
) -> Ensemble:
    """Fit ``count`` seeds from the config's on, and score their mean prediction.

    Args:
        cache: folder of the cache; of several streams those by name.
        labels: of the fits.
        config: of the first run.
        count: how many seeds.
        options: where the runs go, and how.
        shared: what the fits share; default: nothing but the audit.

    Raises:
        RunError: if the folder holds anything else.
    """
    out = options.out
    claim_folder(out, ENSEMBLE)
    seeds = tuple(range(config.seed, config.seed + count))
    if not options.overwrite:
        config = as_begun(config, [out / f"seed-{seed}" for seed in seeds], Progress())
    own = [
        shared or SharedFit(strict=options.strict, audited=seed > seeds[0], said=options.said)
        for seed in seeds
    ]
    with threads_as_chosen():  # measured once, for all of them
        runs = [
            fit(
                cache,
                labels,
                replace(config, seed=seed),
                out / f"seed-{seed}",
                overwrite=options.overwrite,
                shared=each,
            )
            for seed, each in zip(seeds, own, strict=True)
        ]
    ensemble = Ensemble(
        tuple(run.path.name for run in runs), seeds, config.metric, (), None, labels.train.names
    )
    write_sealed(out / ENSEMBLE_FILE, ensemble.to_dict())
    if config.train_on_all:
        return ensemble
    alone = tuple(run.metrics["valid"][config.metric]["mean"] for run in runs)
    ensemble = replace(ensemble, alone=alone, valid=_mean_scores(out, cache, labels))
    write_sealed(out / ENSEMBLE_FILE, ensemble.to_dict())
    return ensemble


def _mean_scores(out: Path, cache: Caches, labels: Splits) -> dict[str, Any]:
    run = load_run(out)
    with opened(cache, run.config.missing) as reader:
        valid = cached(labels.valid, reader)
        speakers = {**cached(labels.train, reader).by_clip, **valid.by_clip}
        values = predict(run, reader, valid.clip_ids, speakers=speakers).values
    return score_all(valid.targets, values, valid.names)
