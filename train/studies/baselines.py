"""Baselines: linear models on a clip's length, loudness and mean vector; alone, or below a study's rows.

Linear models of scikit-learn on one vector a clip; their regularisation is chosen by inner folds of the
training clips, by speaker where speakers are known. A head that does not beat them has learned nothing in time.
They predict the same clips as a study, so that their differences from its reference are paired like all others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import counted
from train.checksums import finish_run
from train.config import FitConfig
from train.features.inputs import VAD, choose_inputs, has_vad
from train.files import (
    CHECKSUMS_FILE,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    lock_folder,
    make_folder,
    write_json,
)
from train.fitting.task import Task, plan_fit
from train.labels.tables import Splits
from train.runs.submission import write_predictions
from train.scores.metrics import mean_over, score_all
from train.scores.registry import METRICS
from train.studies.claim_folder import BASELINES, claim_folder
from train.studies.study import RESULTS, Study, reported, row_result, save_study

FloatArray = npt.NDArray[np.float64]
FOLDS = 5
ALPHAS = tuple(float(10.0**power) for power in range(-1, 6))  # of ridge, on standardised columns
COSTS = (1e-4, 1e-3, 1e-2, 1e-1)  # of the support vector regression
SVR_FOLDS = 3
REFERENCE = "global mean, ridge"
FLOOR = "floor"  # folder of the baselines in that of a study
PREFIX = "baseline: "  # of their names among a study's rows
NO_VAD = "no vad in this cache, the baseline of it is left out"


class Baseline(NamedTuple):
    """One baseline.

    Attributes:
        name: as the table shows it.
        columns: (clips, features) of all clips; no feature for the constant.
        model: "mean", "ridge" or "svr".
    """

    name: str
    columns: FloatArray
    model: str


def baseline(cache: Path, labels: Splits, config: FitConfig, out: Path) -> Study:
    """Fit every baseline, and return the study they make.

    Args:
        cache: path of a cache.
        labels: of the fits.
        config: its layer, metric, seed and coverage count; the rest does not matter here.
        out: folder of the study; one of baselines is written again.

    Returns:
        The study, also in ``out``.

    Raises:
        LabelError: if labels and cache do not fit together.
        RunError: if ``out`` holds something else.
    """
    progress = Progress()
    claim_folder(out, BASELINES)
    make_folder(out / "baselines")
    with CacheReader(cache) as reader, lock_folder(out):
        (out / RESULTS).unlink(missing_ok=True)
        if not has_vad(reader):
            progress.line(f"{reader.path}: {NO_VAD}")
        task = plan_fit(reader, labels, replace(config, vad=has_vad(reader)))
        rows = []
        for each in all_baselines(reader, task):
            folder = out / "baselines" / each.name.replace(" ", "-").replace(",", "").replace("+", "and")
            _write(folder, each, task, reader, labels.origin)
            rows.append(row_result(each.name, {"model": each.model}, reader.path, out, [folder]))
            progress.line(f"{each.name}  {rows[-1].seconds:.1f} s")
        study = Study(
            path=out,
            rows=tuple(rows),
            reference=REFERENCE,
            metric=config.metric,
            caption=_caption(reader, task),
            selected_on="inner",
            **reported(task.valid),
        )
        save_study(study)
    return study


def with_baselines(study: Study, cache: Path, labels: Splits, config: FitConfig) -> Study:
    """Fit the baselines on a study's clips, and return the study with their rows below its own.

    Args:
        study: of an ablation.
        cache: the baselines' cache.
        labels: of the fits.
        config: of the study's first row; its layer, metric and seed count.

    Returns:
        The study with the baselines, also in its folder.
    """
    own = FitConfig(
        layer=config.layer,
        metric=config.metric,
        seed=config.seed,
        min_coverage=0.0,  # what the cache lacks was accepted before the rows were fitted
        select="last",  # every training clip is learned from
    )
    below = baseline(cache, labels, own, study.path / FLOOR)
    added = [
        replace(row, name=PREFIX + row.name, runs=tuple(f"{FLOOR}/{run}" for run in row.runs))
        for row in below.rows
    ]
    whole = replace(study, rows=(*study.rows, *added))
    save_study(whole)
    return whole


def _caption(reader: CacheReader, task: Task) -> str:
    without = "" if has_vad(reader) else f" {NO_VAD.capitalize()}."
    return (
        f"Baselines on {counted(len(task.valid), 'validation clip')}. Cache: {reader.path.name} "
        f"({reader.recipe_id[:8]}). Regularisation chosen by {task.config.metric} in {FOLDS} inner folds "
        f"({SVR_FOLDS} for SVR) of the training clips.{without}"
    )


def all_baselines(reader: CacheReader, task: Task) -> list[Baseline]:
    """Return the baselines that the cache has columns for."""
    ids = task.clip_ids
    seconds = reader.clip_table("clips/duration", ids).astype(np.float64)
    loudness = reader.clip_table("clips/rms_db", ids).astype(np.float64)
    baselines = [
        Baseline("constant", np.zeros((len(ids), 0)), "mean"),
        Baseline("duration + loudness", np.stack([seconds, np.log(seconds), loudness], axis=1), "ridge"),
    ]
    if has_vad(reader):
        baselines.append(Baseline("VAD, ridge", _means(reader, ids, [VAD]), "ridge"))
    whole = _means(reader, ids, choose_inputs(reader, task.config.layer, vad=has_vad(reader)).fields)
    return [*baselines, Baseline(REFERENCE, whole, "ridge"), Baseline("global mean, SVR", whole, "svr")]


def predicted(each: Baseline, task: Task) -> FloatArray:
    """Fit a baseline on the training clips; return what it says of the validation clips (clips, targets)."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count, truth = len(task.train), task.train.targets
    if each.model == "mean":
        return np.tile(truth.mean(0), (len(task.valid), 1))
    score = METRICS.get(task.config.metric)

    def scorer(model: Any, columns: FloatArray, labels: FloatArray) -> float:
        value = mean_over(score(labels, model.predict(columns).reshape(labels.shape)))
        return -1.0 if np.isnan(value) else value

    model, name, values = _model(each.model)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {name: values},
        scoring=scorer,
        cv=_folds(task, FOLDS if each.model == "ridge" else SVR_FOLDS),
    )
    search.fit(each.columns[:count], truth)
    return np.asarray(search.predict(each.columns[count:]), dtype=np.float64).reshape(
        task.valid.targets.shape
    )


def _model(name: str) -> tuple[Any, str, Sequence[float]]:
    """Return an untrained model, its regularisation's name in a pipeline, and the values to try."""
    from sklearn.linear_model import Ridge
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.svm import LinearSVR

    if name == "ridge":
        return Ridge(), "ridge__alpha", ALPHAS
    # Solved in the primal, which takes a second where the usual loss takes minutes and does not converge.
    svr = LinearSVR(loss="squared_epsilon_insensitive", dual=False, epsilon=0.05, max_iter=2000, tol=1e-3)
    return MultiOutputRegressor(svr), "multioutputregressor__estimator__C", COSTS


def _folds(task: Task, count: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Divide the training clips, no speaker on both sides where speakers are known."""
    from sklearn.model_selection import GroupKFold

    clips = zip(task.train.clip_ids, task.train.speakers, strict=True)
    groups = [("clip", clip) if speaker is None else ("speaker", speaker) for clip, speaker in clips]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of_clip = [numbers[group] for group in groups]
    folds = max(2, min(count, len(numbers)))
    return list(
        GroupKFold(folds, shuffle=True, random_state=task.config.seed % 2**32).split(of_clip, groups=of_clip)
    )


def _means(reader: CacheReader, ids: Sequence[str], fields: Sequence[str]) -> FloatArray:
    tables = [reader.clip_table(f"global_mean/{field}", ids) for field in fields]
    return np.concatenate(tables, axis=1).astype(np.float64)


def _write(folder: Path, each: Baseline, task: Task, reader: CacheReader, inputs: dict[str, Any]) -> None:
    """Fit and write a baseline as a run folder has it, as far as it goes without a head."""
    started = time.perf_counter()
    values = predicted(each, task)
    seconds = round(time.perf_counter() - started, 3)
    folder.mkdir(exist_ok=True)
    for name in (METRICS_FILE, CHECKSUMS_FILE):  # of a baseline that is fitted again
        (folder / name).unlink(missing_ok=True)
    write_predictions(
        folder / PREDICTIONS_FILE, task.train.id_column, task.valid.written_ids, values, task.train.names
    )
    write_json(folder / CONFIG_FILE, {"baseline": each.name, "model": each.model, "seed": task.config.seed})
    about = {
        "inputs": {**inputs, "cache": str(reader.path)},
        "recipe_id": reader.recipe_id,
        "seconds": seconds,
    }
    write_json(folder / ENVIRONMENT_FILE, about)
    clipped = np.clip(values, task.train.targets.min(0), task.train.targets.max(0))
    metrics = {
        "valid": score_all(task.valid.targets, values, task.train.names),
        "valid_clipped": score_all(task.valid.targets, clipped, task.train.names),
        "parameters": len(task.train.names) * (each.columns.shape[1] + 1),
        "selected_on": "inner",
        "metric": task.config.metric,
    }
    finish_run(folder, metrics)
