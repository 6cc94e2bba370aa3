"""The config that a user chose: options over a file over a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.config import FitConfig, read_fields
from train.errors import ConfigError
from train.runs.run_folder import Run, load_run


def build_config(options: Mapping[str, Any], file: Path | None = None, like: Path | None = None) -> FitConfig:
    """Return the config of a fit: given options override the file, and the file the run.

    Args:
        options: config fields that the user typed; ``train_on_all`` makes a final fit of ``like``, with the
            epochs that it found.
        file: of config fields.
        like: folder of a run to start from.

    Raises:
        ConfigError: if a field is unknown or a value is not valid.
        RunError: if ``like`` is no finished run.
    """
    fields = {**(read_fields(file) if file else {}), **options}
    if like is not None:
        run, final = load_run(like), options.get("train_on_all", False)
        fields = {**(final_config(run) if final else run.config).to_dict(), **fields}
    return FitConfig.from_dict(fields, where=str(file or "options"))


def final_config(run: Run) -> FitConfig:
    """Return the config of a final fit on train and valid, which has no clip left to choose an epoch on.

    The schedule is the run's, and it ends after the epoch that the run found best.

    Raises:
        ConfigError: if the run has learned from everything already.
    """
    if run.config.train_on_all:
        raise ConfigError(f"{run.path}: is a final fit itself; give the run that chose its epoch")
    final = {"select": "last", "patience": None, "stop_after": run.metrics["epoch"], "train_on_all": True}
    return FitConfig.from_dict({**run.config.to_dict(), **final}, where=str(run.path))
