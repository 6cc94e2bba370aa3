"""Ensembles, folds and studies are told to a tracker as a whole, too: a run with the scores that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.checksums import read_sealed
from train.files import ENSEMBLE_FILE, FOLDS_FILE
from train.runs.tracking.follow import tracking_around
from train.runs.tracking.registry import TRACKERS
from train.runs.tracking.told import finite, key_of, table_of, unlike
from train.runs.tracking.tracker import About, Parameter

ENDS = ("estimate", "low", "high")


def tell_ensemble(out: Path) -> None:
    """Tell of the ensemble in a folder, once it is finished: the scores of the mean prediction."""
    found = read_sealed(out / ENSEMBLE_FILE)
    _tell(out, {"heads": len(found["runs"])}, table_of(found["valid"] or {}, "valid"))


def tell_folds(out: Path) -> None:
    """Tell of the cross-validation in a folder, once it is finished: means over folds with their intervals."""
    found = read_sealed(out / FOLDS_FILE)
    metric, targets = str(found["metric"]), unlike(found.get("per_target", {}))
    scores = _with_ends(f"folds/{metric}", found["mean"])
    for name, each in found.get("per_target", {}).items():
        scores |= _with_ends(f"folds/{metric}/{targets[name]}", each)
    _tell(out, {"metric": metric, "folds": int(found["folds"])}, scores)


def tell_study(out: Path, metric: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell of the study in a folder: every row's score with its interval, and the chart.

    Args:
        out: its folder.
        metric: that leads its table.
        rows: each with its "name" and, by the metric's name, "estimate", "low" and "high".
    """
    names = unlike(str(row["name"]) for row in rows)
    scores: dict[str, Any] = {}
    for row in rows:
        scores |= _with_ends(f"rows/{names[str(row['name'])]}/{metric}", row[metric])
    _tell(out, {"metric": metric, "rows": len(rows)}, scores)


def _with_ends(name: str, interval: Mapping[str, Any]) -> dict[str, Any]:
    return {name if end == "estimate" else f"{name} {end}": interval.get(end) for end in ENDS}


def _tell(out: Path, parameters: Mapping[str, Parameter], scores: Mapping[str, Any]) -> None:
    tracking = tracking_around()
    if tracking is None:
        return

    def tell() -> None:
        name = tracking.name_of(out)
        about = About(name, key_of(name, {"whole": True}), parameters)
        tracker = TRACKERS.get(tracking.kind)(tracking.place, about)
        tracker.scores(finite(scores), 0)
        tracker.pictures(sorted(out.glob("*.png")))
        tracker.close(finished=True)

    tracking.safely(tell)
