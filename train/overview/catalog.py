"""Every run, ensemble, cross-validation and study below a folder, as rows of one table."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cache.common.foreign_json import ForeignJsonError, read_json_file
from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.files import CONFIG_FILE, ENSEMBLE_FILE, ENVIRONMENT_FILE, FOLDS_FILE, METRICS_FILE
from train.scores.wording import aligned, interval_text, score_text, typeset
from train.streams.arguments import cache_name
from train.streams.settings import flattened
from train.studies.study import RESULTS

SORTED_BY = ("date", "score", "seconds", "name", "cache")
UNFINISHED, DAMAGED = "unfinished", "damaged"


@dataclass(frozen=True)
class Entry:
    """One run, ensemble, cross-validation or study.

    Attributes:
        name: of its folder, below the one that is looked through.
        kind: "run", "ensemble of 5", "5 folds", "study of 12 rows", "unfinished" or "damaged".
        date: when it was finished, or last touched, local time.
        cache: name of its cache's folder.
        metric: of the score; empty if there is none.
        score: on the reported clips; of a study its reference's, the mean over its runs; NaN if it has none.
        row: whose score it is, of a study.
        low: end of its interval; NaN if it has none.
        high: end of its interval; NaN if it has none.
        seconds: that its epochs took; NaN if it does not say.
        config: fields that differ from the first version's defaults.
    """

    name: str
    kind: str
    date: str
    cache: str = ""
    metric: str = ""
    score: float = math.nan
    row: str = ""
    low: float = math.nan
    high: float = math.nan
    seconds: float = math.nan
    config: Mapping[str, Any] | None = None


def entries_below(folder: Path, sort: str = "date") -> list[Entry]:
    """Return what lies below a folder; what belongs to a study or a cross-validation is not listed on its own.

    Args:
        folder: to look through.
        sort: one of ``SORTED_BY``; scores and dates begin with the highest and the latest.

    Raises:
        RunError: if there is no such folder.
        ConfigError: if it cannot be sorted so.
    """
    if sort not in SORTED_BY:
        raise ConfigError(f"--sort: found {sort!r}, expected {', '.join(SORTED_BY)}")
    if not folder.is_dir():
        raise RunError(f"{folder}: no such folder; give one that holds runs")
    found = [_entry(path, folder) for path in _homes(folder)]
    if sort in ("name", "cache"):
        return sorted(found, key=lambda each: (getattr(each, sort), each.name))
    known = [each for each in found if _value(each, sort) is not None]
    rest = [each for each in found if _value(each, sort) is None]
    return sorted(known, key=lambda each: _value(each, sort), reverse=sort != "seconds") + rest


def _value(entry: Entry, sort: str) -> Any:
    value = getattr(entry, sort)
    return None if isinstance(value, float) and math.isnan(value) else value


def _homes(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs and studies, not those inside them; links are not followed."""
    for place, inner, files in os.walk(folder):
        if {RESULTS, FOLDS_FILE, ENSEMBLE_FILE, ENVIRONMENT_FILE} & set(files):
            inner.clear()
            yield Path(place)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and not name.endswith(".search"))


def _entry(path: Path, folder: Path) -> Entry:
    name = path.relative_to(folder).as_posix() if path != folder else path.resolve().name
    for file, read in ((RESULTS, _study), (FOLDS_FILE, _folds), (ENSEMBLE_FILE, _ensemble)):
        if (path / file).exists():
            return _read(path, name, file, read)
    if not (path / METRICS_FILE).exists():
        return Entry(name, UNFINISHED, _date(path / ENVIRONMENT_FILE))
    return _read(path, name, METRICS_FILE, _run)


def _read(path: Path, name: str, file: str, read: Any) -> Entry:
    try:
        return Entry(name, date=_date(path / file), **read(path, read_json_file(path / file)))
    except (OSError, ForeignJsonError, ConfigError, KeyError, TypeError, ValueError, AttributeError):
        return Entry(name, DAMAGED, _date(path / file))


def _date(file: Path) -> str:
    return datetime.fromtimestamp(file.stat().st_mtime).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _run(path: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    environment = read_json_file(path / ENVIRONMENT_FILE)
    inputs = environment.get("inputs") or {}
    if not (path / CONFIG_FILE).exists() or "baseline" in (config := read_json_file(path / CONFIG_FILE)):
        raise ValueError("no run of a head")
    return {
        "kind": "run",
        "cache": cache_name(inputs.get("cache", "")),
        "seconds": float(environment["seconds"]),
        "config": _changed(config),
        **_scored(metrics),
    }


def _scored(metrics: Mapping[str, Any]) -> dict[str, Any]:
    if metrics["valid"] is None:
        return {}
    metric, interval = str(metrics["metric"]), metrics["interval"] or {}
    score = metrics["valid"][metric]["mean"]
    ends = {name: _number(interval.get(name)) for name in ("low", "high")}
    return {"metric": metric, "score": _number(score), **ends}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _changed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that differ from the paper's recipe; the seed says nothing of it."""
    own, standard = asdict(FitConfig.from_dict(dict(config))), _standard()
    changed = {name: value for name, value in own.items() if value != standard[name] and name != "seed"}
    return flattened(changed)


@cache
def _standard() -> dict[str, Any]:
    return asdict(FitConfig())


def _ensemble(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    members = [_run(path / name, read_json_file(path / name / METRICS_FILE)) for name in _names(found)]
    metric = members[0].get("metric", "")
    score = found["valid"][metric]["mean"] if found["valid"] else None
    return {
        **members[0],
        "kind": f"ensemble of {len(members)}",
        "score": _number(score),
        "low": math.nan,
        "high": math.nan,
        "seconds": sum(each["seconds"] for each in members),
    }


def _folds(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    parts = []
    for name in _names(found):
        file = path / name / ENSEMBLE_FILE
        read = _ensemble if file.exists() else _run
        parts.append(read(path / name, read_json_file(file if file.exists() else path / name / METRICS_FILE)))
    mean = found["mean"]
    return {
        **parts[0],
        "kind": f"{len(parts)} folds",
        "metric": str(found["metric"]),
        "score": _number(mean["estimate"]),
        "low": _number(mean["low"]),
        "high": _number(mean["high"]),
        "seconds": sum(each["seconds"] for each in parts),
    }


def _study(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Return what a study says of itself, and its reference's score: the best of several rows is too good."""
    rows, reference = found["rows"], str(found["reference"])
    [runs] = [row["runs"] for row in rows if row["name"] == reference]
    caches = dict.fromkeys(cache_name(row["cache"]) for row in rows)
    return {
        "kind": f"study of {len(rows)} row{'s' if len(rows) != 1 else ''}",
        "cache": ", ".join(caches),
        "metric": str(found["metric"]),
        "score": _mean_score(path, runs, str(found["metric"])),
        "row": reference,
        "seconds": sum(float(row["seconds"]) * len(row["runs"]) for row in rows),
    }


def _mean_score(study: Path, runs: Sequence[str], metric: str) -> float:
    """Return the mean score of runs of a study, which lie below it; NaN if one has no score or is gone."""
    if any(Path(run).is_absolute() or ".." in Path(run).parts for run in runs):
        raise ValueError("names no runs of this folder")
    files = [study / run / METRICS_FILE for run in runs]
    if not all(file.exists() for file in files):
        return math.nan
    scores = [_number(read_json_file(file)["valid"][metric]["mean"]) for file in files]
    return sum(scores) / len(scores)


def _names(found: Mapping[str, Any]) -> list[str]:
    names = [str(each["run"] if isinstance(each, dict) else each) for each in found["runs"]]
    if not names or any(Path(name).name != name for name in names):
        raise ValueError("names no runs of this folder")
    return names


def to_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON values."""
    return {field.name: getattr(entry, field.name) for field in fields(entry)}


def entries_text(entries: Sequence[Entry]) -> str:
    """Return the table: one row an entry, with the fields of its config that not all have alike."""
    if not entries:
        return "no run or study"
    configs = [entry.config for entry in entries if entry.config is not None]
    common = {
        name
        for name in (configs[0] if configs else {})
        if all(other.get(name) == configs[0][name] for other in configs)
    }
    rows = [["date", "name", "what", "cache", "score", "seconds", "config"]]
    for entry in entries:
        own = {name: value for name, value in (entry.config or {}).items() if name not in common}
        of = f" ({entry.row})" if entry.row else ""
        score = "" if math.isnan(entry.score) else f"{entry.metric} {_score(entry)}{of}"
        seconds = "" if math.isnan(entry.seconds) else f"{entry.seconds:.1f}"
        said = ", ".join(f"{name} {value}" for name, value in own.items())
        rows.append([entry.date, entry.name, entry.kind, entry.cache, score, seconds, said])
    lines = aligned(rows, right=[False, False, False, False, False, True])
    if common:
        said = ", ".join(f"{name} {configs[0][name]}" for name in configs[0] if name in common)
        lines += ["", f"all: {said}"]
    return "\n".join(lines)


def _score(entry: Entry) -> str:
    if math.isnan(entry.low):
        return score_text(entry.score)
    return typeset(interval_text(entry.score, entry.low, entry.high))
