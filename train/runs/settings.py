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
    config = FitConfig.from_dict(dict(fields))
    values = {name: value for name, value in dataclasses.asdict(config).items() if name != STREAMS}
    if run is not None:
        values |= _found(run, values)
    if not config.streams and (run is None or not run.streams):
        values = {name: value for name, value in values.items() if name not in OF_STREAMS or value != LATER_FIELDS[name]}
    options = options_of(FitConfig)
    told = {
        name.replace("_", " "): _words(value, options[name].shown)
        for name, value in values.items()
        if name not in NOT_A_SETTING
    }
    sides = run.streams if run is not None else {}
    for stream in sorted({*sides, *config.streams}):
        own = dict(config.streams.get(stream, {}))
        own |= {"layer": NO_LAYERS if sides[stream].config.layer is None else sides[stream].config.layer} if sides else {}
        told |= {
            f"{stream} {name.replace('_', ' ')}": _words(value, options[name].shown)
            for name, value in own.items()
        }
    return told


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
