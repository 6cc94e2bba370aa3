"""What trackers are told of a run, from the files of its folder: names and numbers, none of a clip."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from train.checksums import read_json
from train.config import FitConfig
from train.files import (
    CONFIG_FILE,
    CONFUSION_PICTURE,
    CURVES_PICTURE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    REFIT_FILE,
    SCATTER_PICTURE,
)
from train.runs.claim import identity_in
from train.runs.history import EpochRecord, read_history
from train.runs.tracking.tracker import About, Parameter

PICTURES = (CURVES_PICTURE, SCATTER_PICTURE, CONFUSION_PICTURE)
LONGEST = 200  # characters of a name
LONGEST_VALUE = 500
OTHER_SIGNS = re.compile(r"[^\w. -]", re.ASCII)  # what some tracker does not take in a name


def about_run(out: Path, name: str) -> About:
    """Return what is told as the fit in ``out`` begins, once its config is written."""
    config = FitConfig.from_dict(read_json(out / CONFIG_FILE), where=str(out / CONFIG_FILE))
    identity = identity_in(out)
    parameters = {field: as_parameter(value) for field, value in config.to_dict().items()}
    parameters["recipe_id"] = as_parameter(identity.get("recipe_id"))
    chosen_on = "score" if config.select == "last" else f"{config.select} {config.metric}"
    return About(name, key_of(name, identity), parameters, chosen_on)


def key_of(name: str, identity: Mapping[str, Any]) -> str:
    """Return a key of a run that no other name or identity has."""
    return hashlib.sha256(json.dumps([name, identity], sort_keys=True).encode()).hexdigest()


def as_parameter(value: Any) -> Parameter:
    """Return a value of a config as trackers take them: numbers and switches as they are, others as short text."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value)
    return text[:LONGEST_VALUE]


def passes_of(out: Path) -> dict[str, list[EpochRecord]]:
    """Return the epochs of a finished run by pass: "epoch", and "refit" where there was a second one."""
    files = {"epoch": out / HISTORY_FILE, "refit": out / REFIT_FILE}
    return {phase: _records(file) for phase, file in files.items() if file.exists()}


def _records(file: Path) -> list[EpochRecord]:
    columns = read_history(file)
    return [
        EpochRecord(int(epoch), lr, loss, score, int(skipped))
        for epoch, lr, loss, score, skipped in zip(
            *(columns[name] for name in ("epoch", "lr", "loss", "score", "skipped")), strict=True
        )
    ]


def scores_of(out: Path, metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the final scores of a run by name: means, each target's, the ends of the interval, and seconds.

    Args:
        out: its folder.
        metrics: content of its ``metrics.json``.
    """
    found = {"epoch kept": metrics["epoch"], "parameters": metrics["parameters"]}
    found["seconds"] = read_json(out / ENVIRONMENT_FILE).get("seconds")
    interval = metrics.get("interval") or {}
    found |= {f"valid/{metrics['metric']} {end}": interval.get(end) for end in ("low", "high")}
    for part in ("valid", "valid_clipped"):
        found |= table_of(metrics[part] or {}, part)
    return finite(found)


def table_of(scores: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return scores as ``metrics.json`` keeps them by names of one level: "valid/ccc", "valid/ccc/Joy"."""
    found: dict[str, Any] = {}
    for metric, each in scores.items():
        found[f"{part}/{metric}"] = each["mean"]
        targets = unlike(each["per_target"])
        found |= {f"{part}/{metric}/{targets[name]}": value for name, value in each["per_target"].items()}
    return found


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among some values that are defined."""
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def unlike(names: Iterable[str]) -> dict[str, str]:
    """Return each of some names as every tracker takes it: plain signs, not long, no two alike."""
    found: dict[str, str] = {}
    for name in names:
        plain = OTHER_SIGNS.sub("_", name)[:LONGEST].strip(" .") or "_"
        number, tried = 1, plain
        while tried in found.values():
            number += 1
            tried = f"{plain} {number}"
        found[name] = tried
    return found
