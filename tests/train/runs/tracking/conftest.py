"""For trackers: their files read back by their own libraries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def events() -> Callable[[Path], Any]:
    """Read a folder of TensorBoard's, with all it holds."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(folder: Path) -> Any:
        return reading.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()

    return read


@pytest.fixture(scope="session")
def stored() -> Callable[[Path], Any]:
    """Open the database in a folder of MLflow's."""
    pytest.importorskip("alembic")
    pytest.importorskip("sqlalchemy")
    tracking = pytest.importorskip("mlflow.tracking")
    return lambda folder: tracking.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
