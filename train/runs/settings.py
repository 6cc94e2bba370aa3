"""The settings of fits in words: every field of a config, what several have in common and where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cache.common.option_fields import options_of
from train.config import LATER_FIELDS, FitConfig
from train.runs.run_folder import Run
from train.streams.settings import STREAMS

NO_LAYERS = "none cached"
NOT_THERE = "–"  # a setting of a stream that a fit has not
OF_STREAMS = ("stream_dropout", "missing", "query")
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
    config, options = FitConfig.from_dict(dict(fields)), options_of(FitConfig)
    values = {name: value for name, value in dataclasses.asdict(config).items() if name != STREAMS}
    if run is not None:
        values |= _found(run, values)
    streams = _of_streams(config, run)
    unused = set() if streams else {name for name in OF_STREAMS if values[name] == LATER_FIELDS[name]}
    told = {
        name.replace("_", " "): _words(value, options[name].shown)
        for name, value in values.items()
        if name not in unused and name not in NOT_A_SETTING
    }
    for stream, own in streams.items():
        named = {f"{stream} {name.replace('_', ' ')}": (name, value) for name, value in own.items()}
        told |= {shown: _words(value, options[name].shown) for shown, (name, value) in named.items()}
    return told


def _of_streams(config: FitConfig, run: Run | None) -> dict[str, dict[str, Any]]:
    """Return stream → its own fields, and the layer that a run found."""
    sides = run.streams if run is not None else {}
    found = {name: dict(config.streams.get(name, {})) for name in sorted({*sides, *config.streams})}
    for name, side in sides.items():
        found[name]["layer"] = NO_LAYERS if side.config.layer is None else side.config.layer
    return found


def _found(run: Run, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layer and the width that a run of one cache found, where its config leaves them open."""
    if run.streams:
        return {}
    shape = run.sole_head.shape
    found = {"layer": run.layer, "hidden": shape.hidden or shape.width}
    told = {name: found[name] if values[name] is None else values[name] for name in found}
    return {**told, "layer": NO_LAYERS if told["layer"] is None else told["layer"]}


def compared(settings: Sequence[Mapping[str, str]]) -> Compared:
    """Return what several fits have in common, and where they differ."""
    names = list(dict.fromkeys(name for each in settings for name in each))
    values = {name: [each.get(name, NOT_THERE) for each in settings] for name in names}
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
