"""Fits a finished run again and compares it bit for bit; of an ensemble or folds, every head."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cache import read_table
from cache.common.progress import Progress
from train.checksums import (
    FILES,
    known_fields,
    read_json,
    read_sealed,
    require_regular,
    verified,
    verify_run,
)
from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.files import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    FOLDS_FILE,
    HEAD_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REFIT_FILE,
    sha256,
)
from train.fitting.fit import SharedFit, fit
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.machine import threads_of
from train.runs.run_folder import load_run
from train.runs.unpacking.unpack import require_folder
from train.streams.arguments import cache_words, places_in
from train.streams.stream_set import open_source

COMPARED = (CONFIG_FILE, HEAD_FILE, HISTORY_FILE, REFIT_FILE, PREDICTIONS_FILE, METRICS_FILE)
Moved = Path | Mapping[str, Path] | None
MACHINE = ("python", "versions", "platform", "cpu_capability", "device")


@dataclass(frozen=True)
class Plan:
    """How one run is to be fitted again.

    Attributes:
        run: folder of the finished run.
        config: of its fit.
        cache: where its cache is, or those of its streams by name, and of those whose clips count.
        taken: names of the streams that feed its head; None where all do.
        files: where its label tables are.
        threads: that it was fitted with.
    """

    run: Path
    config: FitConfig
    cache: Path | dict[str, Path]
    files: LabelFiles
    threads: int
    taken: tuple[str, ...] | None = None


def reproduce(run: Path, cache: Moved, files: LabelFiles, progress: Progress) -> dict[str, Any]:
    """Fit a run again with its config and as many threads, and compare; of several heads, each of them.

    Args:
        run: folder of a finished run, an ensemble or a cross-validation.
        cache: where its cache is now; of streams, where those are that have moved. None: where they were.
        files: where its label tables are now; what is not named is where it was. Those of folds lie beside them.
        progress: where to report.

    Returns:
        ``same``: whether every file has the same bits; ``differs``: what else differs now (inputs, machine,
        largest difference of a prediction), one line each; ``files``: file → whether it has the same bits.
        Of several heads ``runs`` holds the same for each, ``files`` those of all, with their folder's name.

    Raises:
        RunError: if a run does not say where its inputs are, or it was fitted with changing threads; nothing is
            fitted then.
    """
    require_folder(run)
    loaded = load_run(run)
    if not loaded.others:
        return _again(_plan(run, loaded.config, cache, files), progress)
    heads = [loaded, *loaded.others]
    beside = _tables_of_folds(run, files) if (run / FOLDS_FILE).exists() else {}
    names = [
        head.path.relative_to(run).as_posix() for head in heads
    ]  # of folds with several seeds fold-1/seed-0
    tables = [beside.get(name.partition("/")[0], files) for name in names]
    plans = [_plan(head.path, head.config, cache, each) for head, each in zip(heads, tables, strict=True)]
    found = []
    for number, (name, plan) in enumerate(zip(names, plans, strict=True), 1):
        progress.line(f"{name}, {number} of {len(plans)}")
        found.append(_again(plan, progress))
        progress.line(f"{name}: {verdict(found[-1])}")
    runs = dict(zip(names, found, strict=True))
    return {
        "run": str(run),
        "same": all(each["same"] for each in found),
        "files": {
            f"{name}/{file}": same for name, each in runs.items() for file, same in each["files"].items()
        },
        "differs": [f"{name}: {line}" for name, each in runs.items() for line in each["differs"]],
        "runs": runs,
    }


def verdict(found: Mapping[str, Any]) -> str:
    """Say whether a run, or one of several, came again."""
    return "the same bits" if found["same"] else "not the same"


def _tables_of_folds(path: Path, files: LabelFiles) -> dict[str, LabelFiles]:
    """Return the label tables of each fold, which lie in the folder, wherever it is now.

    Raises:
        ConfigError: if other tables are named: they would not say which clips are of which fold.
        RunError: if a table is not the one that was fitted from.
    """
    if any((files.labels, files.train, files.valid)):
        raise ConfigError(
            f"{path}: each fold's labels lie beside it, and other tables do not say which clip is of which fold; "
            "leave out --labels, --train and --valid"
        )
    found = read_sealed(path / FOLDS_FILE)
    with known_fields(path / FOLDS_FILE, "a cross-validation"):
        sums = dict(found.get(FILES) or {})
        names = [str(each["run"]) for each in found["runs"]]
    tables = {}
    for name in names:
        train, valid = (
            verified(path / file, sums.get(file)) for file in (f"{name}.train.csv", f"{name}.valid.csv")
        )
        tables[name] = replace(files, train=train, valid=valid)
    return tables


def _plan(run: Path, config: FitConfig, cache: Moved, files: LabelFiles) -> Plan:
    """Say how a run is fitted again."""
    verify_run(run)
    path = run / ENVIRONMENT_FILE
    before = read_json(path)
    with known_fields(path, "an environment"):
        inputs = before.get("inputs") or {}
        files = LabelFiles.from_dict(inputs).moved_to(files)
        threads = sorted({int(count) for count in before["threads_of_each_sitting"]})
    if "cache" not in inputs or (files.labels is None and files.train is None):
        raise RunError(
            f"{run}: does not say where its labels were; name them with --labels or --train, --valid"
        )
    places, taken = places_in(inputs["cache"]), None
    if isinstance(places, dict) and inputs.get("beside"):
        taken = tuple(places)
        places |= {str(name): Path(path) for name, path in inputs["beside"].items()}
    return Plan(run, config, _moved(run, places, cache), files, _the_one(run, threads), taken)


def _moved(run: Path, before: Path | dict[str, Path], now: Moved) -> Path | dict[str, Path]:
    """Return where the caches of a run are now.

    Raises:
        ConfigError: if a stream is named that the run has not.
    """
    if now is None:
        return before
    if isinstance(now, Path) and isinstance(before, Path):
        return now
    if isinstance(now, Mapping) and isinstance(before, Mapping) and now.keys() <= before.keys():
        return {**before, **now}
    streams = before if isinstance(before, Mapping) else {}
    expected = ", ".join(f"{name}=CACHE" for name in streams) or "one CACHE without a name"
    raise ConfigError(
        f"--cache: found {', '.join(cache_words(now))}, the run {run} was fitted on others; give {expected}"
    )


def _again(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Fit a run again, and compare."""
    shared = SharedFit(pictures=False, audited=True)
    with tempfile.TemporaryDirectory(prefix="emi-reproduce-") as folder, threads_of(plan.threads):
        with open_source(plan.cache, plan.config.missing, plan.taken) as reader:
            out, labels = Path(folder) / "run", read_files(plan.files)
            again = fit(reader, labels, plan.config, out, progress=progress, shared=shared)
        return _compared(plan.run, again.path)


def _the_one(run: Path, threads: list[int]) -> int:
    if len(threads) != 1:
        raise RunError(f"{run}: was fitted with {threads} threads in turn; its bits cannot come again")
    return threads[0]


def _compared(run: Path, again: Path) -> dict[str, Any]:
    """Return which files of two runs of one config have the same bits, and what else differs."""
    present = [name for name in COMPARED if (run / name).exists()]
    for name in present:
        require_regular(run / name)
    same = {name: sha256(run / name) == sha256(again / name) for name in present}
    with known_fields(run / ENVIRONMENT_FILE, "an environment"):
        differs = list(_differences(*(read_json(folder / ENVIRONMENT_FILE) for folder in (run, again))))
    if not same.get(PREDICTIONS_FILE, True):
        differs.append(_largest(run / PREDICTIONS_FILE, again / PREDICTIONS_FILE))
    return {"run": str(run), "same": all(same.values()), "files": same, "differs": differs}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yield, one line each, what was not the same this time."""
    for part, value in before["identity"].items():
        if after["identity"].get(part) != value:
            yield f"{part}: other than then"
    if "speakers" in before and before["speakers"] != after["speakers"]:
        yield f"speakers: other than then{_in_table(after['speaker_table'])}"
    for name in ("label_files", "speaker_table"):
        if name not in before:  # older versions did not name the table of speakers
            continue
        old, new = (sorted(each[name].values()) for each in (before, after))
        if old != new:
            yield f"{name.replace('_', ' ')}: other bytes (sha256 {', '.join(each[:8] for each in new) or 'none'})"
    for name in MACHINE:
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name)} then, {after.get(name)} now"


def _in_table(table: dict[str, str]) -> str:
    return f" ({', '.join(table)})" if table else ""


def _largest(one: Path, two: Path) -> str:
    """Say by how much the predictions of two runs differ."""
    tables = [read_table(path) for path in (one, two)]
    if tables[0].ids() != tables[1].ids() or tables[0].columns != tables[1].columns:
        return "predictions: of other clips or targets"
    names = [name for name in tables[0].columns if name != tables[0].id_column]
    values = [np.array([[float(row[name]) for name in names] for row in table.rows]) for table in tables]
    return f"predictions: largest difference {np.abs(values[0] - values[1]).max():.3g}"
