"""What a user chose, in clips → extract → cache → train → intensities: options over a file over a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.config import FitConfig, read_fields
from train.errors import ConfigError
from train.runs.run_folder import Run, load_run


def build_config(
    options: Mapping[str, Any], file: Path | None, like: Path | None, *, train_on_all: bool = False
) -> FitConfig:
    """Return the config of a fit: given options override the file, and the file the run.

    Args:
        options: values by name; None and names that are no config fields are left out.
        file: of config fields.
        like: folder of a run to start from.
        train_on_all: a final fit with the epochs that the run found.

    Raises:
        ConfigError: if a field is unknown or a value is not valid.
        RunError: if ``like`` is no finished run.
    """
    fields = {name: value for name, value in options.items() if name in FitConfig.__dataclass_fields__}
    fields = {name: value for name, value in fields.items() if value is not None and name != "train_on_all"}
    fields = {**(read_fields(file) if file else {}), **fields}
    if like is not None:
        run = load_run(like)
        fields = {**(final_config(run) if train_on_all else run.config).to_dict(), **fields}
    elif train_on_all:
        fields["train_on_all"] = True
    return FitConfig.from_dict(fields, where=str(file or "options"))


def final_config(run: Run) -> FitConfig:
    """Return the config of a final fit on train and valid, which has no clip left to choose an epoch on.

    The schedule is the run's, and it ends after the epoch that the run found best.

    Raises:
        ConfigError: if the run has learned from everything already.
    """
    if run.config.train_on_all:
        raise ConfigError(f"{run.path}: is a final fit itself; give the run that chose its epoch")
    found = {"select": "last", "patience": None, "stop_after": run.metrics["epoch"], "train_on_all": True}
    return FitConfig.from_dict({**run.config.to_dict(), **found}, where=str(run.path))
