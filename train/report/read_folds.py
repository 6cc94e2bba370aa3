"""A cross-validation as its folder keeps it: the clips of each fold, their labels, what its head predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.checksums import FILES, known_fields, read_json, read_sealed, verified
from train.errors import RunError
from train.files import CONFIG_FILE, ENVIRONMENT_FILE, METRICS_FILE
from train.labels.read_tables import read_labels
from train.labels.tables import Labels
from train.report.run_study import reported_by
from train.runs.run_folder import read_metrics
from train.scores.folds import Fold
from train.scores.registry import METRICS
from train.studies.cross_validation import FOLDS

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """One fold.

    Attributes:
        run: folder of the head that has not seen its clips.
        name: of the group that is left out alone; empty where a fold has several.
        labels: of its clips.
        predictions: (clips, targets).
        metrics: content of the run's ``metrics.json``.
    """

    run: Path
    name: str
    labels: Labels
    predictions: FloatArray
    metrics: dict[str, Any]

    @property
    def scored(self) -> Fold:
        """The fold as the statistics take it."""
        return Fold(self.labels.targets, self.predictions, self.labels.speakers)


@dataclass(frozen=True)
class Folds:
    """A finished cross-validation.

    Attributes:
        path: its folder.
        metric: that leads the tables.
        divided: how clips were divided, in words; empty where the folder does not say.
        folds: in their order.
        inputs: cache, label tables and division that it was fitted from; empty in folders of older versions.
    """

    path: Path
    metric: str
    divided: str
    folds: tuple[HeldOut, ...]
    inputs: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The targets."""
        return self.folds[0].labels.names

    @property
    def scored(self) -> list[Fold]:
        """The folds as the statistics take them."""
        return [fold.scored for fold in self.folds]

    @property
    def config(self) -> dict[str, Any]:
        """The fields of the folds' fits."""
        return dict(read_json(self.folds[0].run / CONFIG_FILE))


def read_folds(path: Path) -> Folds:
    """Read the folder of a finished cross-validation; it may have been moved, since its tables lie in it.

    Raises:
        RunError: if it is damaged, or names no runs of its own.
        LabelError: if a fold's table lacks a clip.
    """
    file = path / FOLDS
    found = read_sealed(file)
    with known_fields(file, "a cross-validation"):
        sums = dict(found.get(FILES) or {})
        runs = [(str(each["run"]), str(each.get("name", ""))) for each in found["runs"]]
        metric, inputs = str(found["metric"]), dict(found.get("inputs") or {})
        METRICS.require(metric)
    if not runs or any(Path(name).name != name for name, _ in runs):
        raise RunError(f"{file}: names no runs of this folder")
    folds = tuple(_held_out(path, *each, sums) for each in runs)
    return Folds(path, metric, str(found.get("divided", "")), folds, inputs)


def _held_out(path: Path, run: str, name: str, sums: dict[str, Any]) -> HeldOut:
    folder, table = path / run, f"{run}.valid.csv"
    metrics = read_metrics(folder / METRICS_FILE)
    with known_fields(folder / METRICS_FILE, "metrics of a fold"):
        if metrics["valid"] is None or not isinstance(metrics["epoch"], int):
            raise ValueError("no validation scores, or no epoch")
    with known_fields(folder / ENVIRONMENT_FILE, "an environment"):
        targets = read_json(folder / ENVIRONMENT_FILE)["inputs"].get("targets")
    labels = read_labels(verified(path / table, sums.get(table)), targets)
    return HeldOut(folder, name, *reported_by(folder, metrics, labels), metrics)
