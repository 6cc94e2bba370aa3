"""A small search: learning rate, loss, temporal model, units and dropout, on the inner part of the training clips.

    OUT/tuning/<row>/[fold-<n>/]trial-<m>-of-<epochs>/   one run folder for each trial
    OUT/search.json, trials.csv                          every trial, and what was taken

Successive halving: all trials take a quarter of the epochs, the best third of them half, and two of those all. Each
row and each fold chooses for itself, by the inner part of its own training clips, so that no clip that is reported
has a say. Source: Jamieson, Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
arXiv 1502.07943.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cache.format.recipe import canonical_json
from train.checksums import known_fields, read_json, read_sealed, write_sealed
from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.files import ENVIRONMENT_FILE, HISTORY_FILE, METRICS_FILE, write_csv
from train.fitting.task import plan_fit
from train.runs.history import read_history
from train.runs.run_folder import read_metrics
from train.studies.grid import Row
from train.studies.jobs import Job, StudyContext
from train.studies.options import SearchOptions
from train.studies.parts import Part

SEARCHED = ("lr", "loss", "temporal", "hidden", "dropout")  # fields; "temporal" stands for "lstm" too
TRIALS = 12  # of each row and fold, the row's own config the first
RUNGS = ((0.25, TRIALS), (0.5, 4), (1.0, 2))  # share of the epochs, and how many trials take it
TIME_OF_RUNG = (0.5, 0.75, 1.0)  # of the whole time, when each rung ends at the latest
RATES = (1 / 3, 1.0, 3.0)  # times the row's own learning rate
UNITS = (32, 64, 128)
DROPOUTS = (0.0, 0.25, 0.5)
LOSSES = ("mse", "mse+ccc")
SEARCH_FILE, TRIALS_FILE = "search.json", "trials.csv"


class Tried(NamedTuple):
    """One trial of a row on a part: its job, and what it came to, None if it was not done in time."""

    number: int
    job: Job

    @property
    def is_done(self) -> bool:
        """Whether it ended in time."""
        return (self.job.out / METRICS_FILE).exists()

    @property
    def score(self) -> float:
        """Its score on the inner part, of the epoch that its row would keep; -inf where it is undefined."""
        found = read_metrics(self.job.out / METRICS_FILE)["selection_score"]
        if self.job.row.config.select == "last":
            found = read_history(self.job.out / HISTORY_FILE)["score"][-1]
        return -math.inf if found is None or math.isnan(found) else float(found)


def require_searchable(rows: Sequence[Row]) -> None:
    """Refuse rows for which nothing can be chosen on an inner part.

    Raises:
        ConfigError: if there is one.
    """
    for row in rows:
        if row.config.select == "valid":
            raise ConfigError(f"row {row.name!r}: --tune chooses on the inner part; leave out --select valid")
        if row.config.train_on_all:
            raise ConfigError(
                f"row {row.name!r}: --tune chooses on a part of train; tune first, then --train-on-all"
            )


def varied(rows: Sequence[Row]) -> frozenset[str]:
    """Return the fields in which rows differ: what a table is about is not searched for."""
    names = ("lstm", *SEARCHED)
    return frozenset(name for name in names if len({getattr(row.config, name) for row in rows}) > 1)


def searched(
    context: StudyContext, rows: Sequence[Row], options: SearchOptions
) -> dict[tuple[str, str], Row]:
    """Return each row on each part, by the names of both, with what did best on the inner part.

    A search that ended is not repeated; one that was stopped goes on, and what it took before counts.

    Raises:
        ConfigError: if a row chooses nothing on an inner part.
        RunError: if the folder holds a search of other rows, or a fit failed.
    """
    require_searchable(rows)
    pairs = [(row, part) for row in rows for part in context.parts.all]
    plans = {(row.name, part.name): _trials(context, row, part, options) for row, part in pairs}
    file, identity = context.out / SEARCH_FILE, _identity(context, plans, options)
    if not file.exists():
        _run(context, plans, options)
        _save(context, plans, {"minutes": options.minutes, "identity": identity})
    taken = _taken(file, plans, identity)
    for row, part in pairs:
        where = f", {context.parts.spoken(part)}" if part.name else ""
        chosen = taken[row.name, part.name]
        context.progress.line(f"{row.name}{where}: takes {spoken(chosen, row.config)}")
    return {(row.name, part.name): replace(row, config=taken[row.name, part.name]) for row, part in pairs}


def spoken(config: FitConfig, base: FitConfig) -> str:
    """Say in which fields a config differs from another."""
    names = ("lstm", *SEARCHED)
    changed = [
        f"{name} {getattr(config, name)}" for name in names if getattr(config, name) != getattr(base, name)
    ]
    return ", ".join(changed) or "its own config"


def candidates(base: FitConfig, fixed: Collection[str] = ()) -> list[FitConfig]:
    """Return the configs to try: the row's own, then others drawn without repetition, always the same."""
    space: dict[str, list[Any]] = {
        "lr": [float(f"{base.lr * factor:.3g}") for factor in RATES],
        "loss": list(dict.fromkeys([base.loss, *LOSSES])) if base.loss != "cross-entropy" else [base.loss],
        "temporal": _temporal_models(base),
        "hidden": list(dict.fromkeys([base.hidden, *UNITS])),
        "dropout": list(dict.fromkeys([base.dropout, *DROPOUTS])),
    }
    for name in SEARCHED:
        if name in fixed or (name == "temporal" and "lstm" in fixed):
            space[name] = [(base.lstm, base.temporal)] if name == "temporal" else [getattr(base, name)]
    found = {base: None}
    combinations = list(itertools.product(*space.values()))
    for position in np.random.default_rng([base.seed, 9]).permutation(len(combinations)):
        values = dict(zip(space, combinations[position], strict=True))
        lstm, temporal = values.pop("temporal")
        if not lstm:  # units of a model that is off say nothing
            temporal, values["hidden"] = base.temporal, base.hidden
        found[replace(base, **values, lstm=lstm, temporal=temporal)] = None
    return list(found)[:TRIALS]


def _temporal_models(base: FitConfig) -> list[tuple[bool, str]]:
    """Return the temporal models to try, each with whether there is one at all."""
    others = [(True, "gru"), (True, "attention")]
    off = [(False, base.temporal)] if base.global_mean else []
    return list(dict.fromkeys([(base.lstm, base.temporal), *off, *others]))


def _trials(context: StudyContext, row: Row, part: Part, options: SearchOptions) -> list[list[Tried]]:
    """Return every trial of a row on a part, rung by rung; which of a later rung are fitted is open."""
    folder = context.out / "tuning" / row.slug / part.name
    rungs = []
    for share, _ in RUNGS:
        epochs = max(1, math.ceil(row.config.epochs * share))
        rungs.append(
            [
                Tried(number, Job(row, _short(config, epochs), folder / f"trial-{number}-of-{epochs}", part))
                for number, config in enumerate(candidates(row.config, options.fixed))
            ]
        )
    return rungs


def _short(config: FitConfig, epochs: int) -> FitConfig:
    return replace(config, epochs=epochs, stop_after=None, refit=False, select="inner")


Plans = Mapping[tuple[str, str], list[list[Tried]]]


def _run(context: StudyContext, plans: Plans, options: SearchOptions) -> None:
    """Fit rung after rung until the time is over, the first trials of every row and part before the second ones."""
    started = time.monotonic() - _spent(plans) / max(1, context.workers)
    left: dict[tuple[str, str], list[int]] = {
        key: [t.number for t in rungs[0]] for key, rungs in plans.items()
    }
    for rung, (_, count) in enumerate(RUNGS):
        alive = {
            key: [plans[key][rung][number] for number in numbers[:count]] for key, numbers in left.items()
        }
        jobs = [t.job for turn in itertools.zip_longest(*alive.values()) for t in turn if t is not None]
        until = started + 60 * options.minutes * TIME_OF_RUNG[rung]
        if not context.fit_all(jobs, until):
            context.progress.line(f"search: the time of round {rung + 1} is over")
        left = {key: _ranked(mine) or left[key] for key, mine in alive.items()}


def _ranked(trials: Sequence[Tried]) -> list[int]:
    """Return the numbers of the trials that are done, the best first; the earlier of equals."""
    return [t.number for t in sorted((t for t in trials if t.is_done), key=lambda each: -each.score)]


def _spent(plans: Plans) -> float:
    """Return the seconds that the trials of earlier sittings took."""
    return sum(_seconds(t.job.out) for rungs in plans.values() for rung in rungs for t in rung if t.is_done)


def _seconds(run: Path) -> float:
    with known_fields(run / ENVIRONMENT_FILE, "an environment"):
        return float(read_json(run / ENVIRONMENT_FILE)["seconds"])


def _identity(context: StudyContext, plans: Plans, options: SearchOptions) -> str:
    """Return a digest of what decides a search but its time: configs, caches, labels, what is fixed."""
    jobs = [rungs[0][0].job for rungs in plans.values()]
    each = [
        plan_fit(context.readers[job.row.cache], job.part.labels, job.row.config).identity for job in jobs
    ]
    text = canonical_json({"rows": list(map(list, plans)), "fits": each, "fixed": sorted(options.fixed)})
    return hashlib.sha256(text.encode()).hexdigest()


def _save(context: StudyContext, plans: Plans, about: Mapping[str, Any]) -> None:
    """Write every trial, and the one that each row and part takes: the best of the longest that are done."""
    rows, chosen = [], []
    for (row, part), rungs in plans.items():
        done = [[t for t in rung if t.is_done] for rung in rungs]
        longest = next((rung for rung in reversed(done) if rung), [])
        best = _ranked(longest)[0] if longest else 0
        chosen.append({"row": row, "part": part, "trial": best})
        for t in (t for rung in done for t in rung):
            score = None if t.score == -math.inf else t.score
            config = t.job.config
            told = [getattr(config, name) for name in ("lstm", *SEARCHED)]
            mark = "taken" if longest and t in longest and t.number == best else ""
            rows.append([row, part, t.number, config.epochs, *told, score, _seconds(t.job.out), mark])
    header = ["row", "part", "trial", "epochs", "lstm", *SEARCHED, "inner score", "seconds", "choice"]
    write_csv(
        context.out / TRIALS_FILE, header, [["" if cell is None else cell for cell in row] for row in rows]
    )
    values = {**about, "trials": len(rows), "chosen": chosen}
    write_sealed(context.out / SEARCH_FILE, values, (TRIALS_FILE,))
    context.progress.line(f"search: {len(rows)} trials, all in {context.out / TRIALS_FILE}")


def _taken(file: Path, plans: Plans, identity: str) -> dict[tuple[str, str], FitConfig]:
    """Return what each row takes on each part: the trial's fields, with the row's own epochs.

    Raises:
        RunError: if the file is of another search.
    """
    found = read_sealed(file)
    if found.get("identity") != identity:
        raise RunError(
            f"{file}: is of another search: other rows, folds, labels, cache or options; give a new folder with "
            "--out, or remove this one"
        )
    with known_fields(file, "a search"):
        numbers = {(str(each["row"]), str(each["part"])): int(each["trial"]) for each in found["chosen"]}
        missing = set(plans) - set(numbers)
        if missing or any(not 0 <= numbers[key] < len(rungs[-1]) for key, rungs in plans.items()):
            raise ValueError("not every row has a trial")
    taken = {}
    for key, rungs in plans.items():
        job = rungs[-1][numbers[key]].job
        base = job.row.config
        fields = {name: getattr(job.config, name) for name in ("lstm", *SEARCHED)}
        taken[key] = replace(base, **fields)
    return taken
