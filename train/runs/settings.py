"""The settings of fits in words: every field of a config, what several have in common and where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cache.common.option_fields import options_of
from train.config import FitConfig
from train.runs.run_folder import Run

NO_LAYERS = "none cached"
NOT_A_SETTING = ("seed",)  # of the repetitions, not of the recipe


class Compared(NamedTuple):
    """The settings of several fits.

    Attributes:
        common: name → value that all of them have.
        differing: name → value of each.
    """

    common: dict[str, str]
    differing: dict[str, list[str]]


def settings_of(fields: Mapping[str, Any], run: Run | None = None) -> dict[str, str]:
    """Return name → value of every setting, in words: "lr" → "0.003", "lstm" → "on".

    Args:
        fields: of a config, as JSON files keep them.
        run: the run of it, which knows the layer and the width where the config leaves them open.

    Raises:
        ConfigError: if the fields are no config.
    """
    values = dataclasses.asdict(FitConfig.from_dict(dict(fields)))
    if run is not None:
        found = {"layer": run.layer, "hidden": run.head.shape.hidden or run.head.shape.width}
        values |= {name: found[name] if values[name] is None else values[name] for name in found}
        values["layer"] = NO_LAYERS if values["layer"] is None else values["layer"]
    options = options_of(FitConfig)
    return {
        name.replace("_", " "): _words(value, options[name].shown)
        for name, value in values.items()
        if name not in NOT_A_SETTING
    }


def compared(settings: Sequence[Mapping[str, str]]) -> Compared:
    """Return what several fits have in common, and where they differ."""
    names = list(settings[0]) if settings else []
    values = {name: [each[name] for each in settings] for name in names}
    same = {name for name, each in values.items() if len(set(each)) == 1}
    return Compared(
        {name: values[name][0] for name in names if name in same},
        {name: values[name] for name in names if name not in same},
    )


def in_a_line(settings: Mapping[str, str]) -> str:
    """Return settings as one line: "lr 0.003, loss mse, lstm on"."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _words(value: Any, shown: str | None) -> str:
    if value is None:
        return shown or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
