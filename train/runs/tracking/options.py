"""Which tracker a fit is told to, and where that writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cache.common.option_fields import check_options, option
from train.errors import ConfigError
from train.runs.tracking.registry import LIBRARIES, TRACKERS

SERVER = "MLFLOW_TRACKING_URI"  # the variable in which MLflow looks for its server


@dataclass(frozen=True)
class TrackOptions:
    """What is to be told to whom; no number of a fit depends on it.

    Attributes:
        track: name of a tracker; None for none.
        track_to: folder, or for MLflow an address; None for a folder of the tracker's name beside the run.

    Raises:
        ConfigError: if there is no such tracker, its library is not installed, or there is a place and no tracker.
    """

    track: str | None = option(None, "Tell epochs, scores and pictures to a tracker.", choices=TRACKERS)
    track_to: str | None = option(
        None,
        "Folder of the tracker, or a server's address.",
        shown="beside OUT, a folder of the tracker's name",
    )

    def __post_init__(self) -> None:
        check_options(self, ConfigError)
        if self.track is None:
            if self.track_to is not None:
                raise ConfigError(f"--track-to {self.track_to}: says where, not to whom; add --track")
            return
        for name in LIBRARIES[self.track]:
            if find_spec(name) is None:
                raise ConfigError(
                    f"--track {self.track}: {name} is not installed; pip install 'emi-fusion[{self.track}]'"
                )

    def place(self, beside: Path) -> str:
        """Return where the tracker writes: as told, a server that its variable names, or a folder ``beside``."""
        if self.track_to is not None:
            return self.track_to
        if self.track == "mlflow" and os.environ.get(SERVER):
            return os.environ[SERVER]
        return str(beside / str(self.track))
