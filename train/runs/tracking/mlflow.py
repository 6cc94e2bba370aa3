"""MLflow: each run is one of its experiment "emi-fusion", in a database in a folder, or at a server."""

from __future__ import annotations

import logging
import math
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.files import make_folder
from train.runs.history import EpochRecord
from train.runs.tracking.tracker import About, values_of

EXPERIMENT = "emi-fusion"
KEY = "emi.key"  # tag by which a run that goes on is found again
DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
MOST_METRICS, MOST_PARAMETERS = 1000, 100  # of one request
SETTINGS = {  # unless the user says otherwise: tell nobody else, wait for a dead server seconds, not minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


class MLflow:
    """One run; ``place`` is a folder, or an address that MLflow knows."""

    def __init__(self, place: str, about: About) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._metric_of, self._metric = Metric, about.metric
        address, artifacts = _where(place)
        self._client = MlflowClient(tracking_uri=address)
        experiment = self._experiment(artifacts)
        self._run, known = self._found(experiment, about.key), True
        if self._run is None:
            tags = {KEY: about.key, "mlflow.runName": about.name}
            self._run, known = self._client.create_run(experiment, run_name=about.name, tags=tags), False
        self._id = self._run.info.run_id
        self._done: dict[str, int] = {}
        if not known:
            parameters = [Param(name, str(value)) for name, value in about.parameters.items()]
            for some in _parts(parameters, MOST_PARAMETERS):
                self._client.log_batch(self._id, params=some)
        self._client.set_terminated(self._id, "RUNNING")

    @staticmethod
    def look(place: str) -> str:
        """Return the command that shows all runs; of a server its address."""
        address, artifacts = _where(place)
        return shlex.join(["mlflow", "ui", "--backend-store-uri", address]) if artifacts else address

    def _experiment(self, artifacts: str | None) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=artifacts))

    def _found(self, experiment: str, key: str) -> Any:
        runs = self._client.search_runs([experiment], filter_string=f"tags.`{KEY}` = '{key}'", max_results=1)
        return runs[0] if runs else None

    def _told(self, phase: str) -> int:
        """Return the last epoch that is there already, from this sitting or one before."""
        if phase not in self._done:
            steps = [each.step for each in self._client.get_metric_history(self._id, f"{phase}/loss")]
            self._done[phase] = max(steps, default=0)
        return self._done[phase]

    def _log(self, values: Iterable[tuple[str, float, int]]) -> None:
        now = int(1000 * time.time())
        metrics = [self._metric_of(name, value, now, step) for name, value, step in values]
        for some in _parts([each for each in metrics if math.isfinite(each.value)], MOST_METRICS):
            self._client.log_batch(self._id, metrics=some)

    def epochs(self, phase: str, records: Sequence[EpochRecord]) -> None:
        """Log those that are not there yet."""
        last = self._told(phase)
        self._log(
            (f"{phase}/{name}", value, record.epoch)
            for record in records
            if record.epoch > last
            for name, value in values_of(record, self._metric).items()
        )
        self._done[phase] = max([last, *(record.epoch for record in records)])

    def scores(self, values: Mapping[str, float], epoch: int) -> None:
        """Log those that are new or have changed, at the epoch that was kept."""
        known = self._client.get_run(self._id).data.metrics
        self._log((name, value, epoch) for name, value in values.items() if known.get(name) != value)

    def pictures(self, paths: Iterable[Path]) -> None:
        """Copy each to the artifacts of the run."""
        for path in paths:
            self._client.log_artifact(self._id, str(path), "pictures")

    def close(self, *, finished: bool) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")


def _where(place: str) -> tuple[str, str | None]:
    """Return the address of a place, and where its artifacts go, if that is ours to say."""
    if "://" in place or place == "databricks":
        return place, None
    folder = Path(place).resolve()
    make_folder(folder)
    return f"sqlite:///{folder / DATABASE}", (folder / ARTIFACTS).as_uri()


def _parts(things: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """Yield some things, at most so many at once."""
    for start in range(0, len(things), most):
        yield list(things[start : start + most])
