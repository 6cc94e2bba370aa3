"""What an older version began goes on, and counts as finished, with the schedule of that version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cache.common.progress import Progress
from train.config import FitConfig
from train.files import ENVIRONMENT_FILE
from train.runs.claim import identity_in


def older(config: FitConfig) -> FitConfig:
    """Return a config with the warm-up of older versions, one step ahead of the published one."""
    return replace(config, warmup_from=1)


def as_begun(config: FitConfig, folders: Iterable[Path], progress: Progress) -> FitConfig:
    """Return the config under which a fit, or one of those that belong together, was begun.

    Where a folder holds a run of the same config by an older version, it is that version's, for all of them: a
    fit must not change its schedule half way, nor an ensemble between two seeds. It is said.

    Args:
        config: as asked for.
        folders: where the runs are, or will be; their seeds may differ.
        progress: where to say it.

    Raises:
        RunError: if a folder's ``environment.json`` is damaged.
    """
    before = {**older(config).to_dict(), "seed": None}
    if config == older(config):
        return config
    for folder in folders:
        if (folder / ENVIRONMENT_FILE).exists():
            found = identity_in(folder).get("config")
            if isinstance(found, dict) and {**found, "seed": None} == before:
                say_older(folder, progress)
                return older(config)
    return config


def say_older(folder: Path, progress: Progress) -> None:
    """Say that what lies in a folder keeps the schedule it was begun with."""
    progress.line(
        f"{folder}: begun by an older version, whose warm-up is one step ahead of the published schedule; "
        "it keeps that (a new --out takes the published one)"
    )
