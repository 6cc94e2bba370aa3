"""The trackers that fits can be told to, by name; each loads when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    from train.runs.tracking.tracker import Tracker

TRACKERS: Registry[type[Tracker]] = Registry("--track", ConfigError)
TRACKERS.add("tensorboard", "train.runs.tracking.tensorboard:TensorBoard", "event files, for TensorBoard")
TRACKERS.add("mlflow", "train.runs.tracking.mlflow:MLflow", "a database in a folder, or a server, of MLflow")
LIBRARIES = {"tensorboard": ("tensorboard",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}
