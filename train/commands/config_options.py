"""The config that a user chose: options over a file over a run or a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cache.common.option_fields import require_known
from train.config import FitConfig
from train.config_file import read_fields
from train.errors import ConfigError
from train.recipes.choose import chosen_recipe, with_recipe
from train.runs.run_folder import Run, load_run
from train.streams.arguments import CachePlace
from train.streams.settings import overlaid


class Start(NamedTuple):
    """What a config starts from where neither file nor option says anything.

    Attributes:
        recipe: name of the recipe that was asked for; None for the command's own.
        otherwise: name of the command's own.
        cache: folder of the cache; of several streams those by name.
        clips: that are trained on.
    """

    recipe: str | None
    otherwise: str
    cache: CachePlace
    clips: int


def build_config(
    options: Mapping[str, Any],
    file: Path | None = None,
    like: Path | None = None,
    start: Start | None = None,
) -> tuple[FitConfig, list[str]]:
    """Return the config of a fit, and a line on its recipe; options override the file, the file run or recipe.

    Args:
        options: config fields that the user typed; ``train_on_all`` makes a final fit of ``like``, with the
            epochs that it found.
        file: of config fields; a whole config leaves nothing to a recipe.
        like: folder of a run to start from.
        start: the recipe; None for the method's own values, on which there is no line.

    Raises:
        ConfigError: if a field is unknown or a value is not valid, or both a run and a recipe are to start from.
        RunError: if ``like`` is no finished run.
    """
    fields = overlaid(read_fields(file) if file else {}, options)
    where, said = str(file or "options"), []
    if like is not None:
        if start is not None and start.recipe is not None:
            raise ConfigError(
                f"--recipe {start.recipe} and --from {like}: both say what to start from; leave one out"
            )
        run, final = load_run(like), options.get("train_on_all", False)
        fields = overlaid((final_config(run) if final else run.config).to_dict(), fields)
    elif start is not None and not FitConfig.is_whole(fields):
        require_known(fields, FitConfig, where, ConfigError)
        name = start.recipe or start.otherwise
        recipe = chosen_recipe(name, start.cache, start.clips, fields.get("layer"))
        said.append(recipe.line())
        fields = with_recipe(recipe, fields)
    return FitConfig.from_dict(fields, where=where), said


def final_config(run: Run) -> FitConfig:
    """Return the config of a final fit on train and valid, which has no clip left to choose an epoch on.

    The schedule is the run's, and it ends after the epoch that the run found best.

    Raises:
        ConfigError: if the run has learned from everything already.
    """
    if run.config.train_on_all:
        raise ConfigError(f"{run.path}: is a final fit itself; give the run that chose its epoch")
    final = {
        "select": "last",
        "refit": False,
        "patience": None,
        "stop_after": run.metrics["epoch"],
        "train_on_all": True,
    }
    return FitConfig.from_dict({**run.config.to_dict(), **final}, where=str(run.path))
