"""Rows of an ablation: the method's switches in all valid combinations, or those of a TOML grid.

A grid file may hold config fields for every row (``[base]``), lists to combine (``[grid]``), and single rows
(``[[rows]]``, each with a name). ``cache`` is a field too: the name of one of the caches that are compared::

    [base]
    hidden = 128
    [grid]
    temporal = ["lstm", "gru"]
    lr = [1e-3, 3e-4]
    "streams.text.layer" = [6, 12]
    [[rows]]
    name = "mean only"
    lstm = false
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.common.option_fields import options_of
from cache.common.words import in_one_line
from cache.format.recipe import canonical_json
from train.config import FitConfig
from train.config_file import read_fields
from train.errors import ConfigError
from train.streams.settings import STREAMS, flattened, nested, overlaid

SWITCHES = {"lstm": "LSTM", "global_mean": "global mean", "fusion_head": "fusion head", "vad": "VAD"}
TABLES = ("base", "grid", "rows")
COMPONENTS = "components"


@dataclass(frozen=True)
class Row:
    """One row of the table: a config, to be fitted with several seeds.

    Attributes:
        name: as the table shows it.
        config: of its fits; the seed is set for each.
        cache: name of its cache.
    """

    name: str
    config: FitConfig
    cache: str

    @property
    def slug(self) -> str:
        """Return a folder name that another config never has."""
        fields = {**self.config.to_dict(), "seed": None, "cache": self.cache}
        digest = hashlib.sha256(canonical_json(fields).encode()).hexdigest()[:8]
        return f"{re.sub(r'[^a-z0-9.]+', '-', self.name.lower()).strip('-')[:48]}-{digest}"

    def with_seed(self, seed: int) -> FitConfig:
        """Return the config of one fit."""
        return replace(self.config, seed=seed)


def component_rows(base: FitConfig, cache: str, *, vad: bool = True) -> list[Row]:
    """Return the 12 valid combinations of the method's four switches, the full set first; 6 without VAD."""
    rows = []
    for values in itertools.product((True, False), repeat=len(SWITCHES)):
        on: dict[str, Any] = dict(zip(SWITCHES, values, strict=True))
        if (on["lstm"] or on["global_mean"]) and (vad or not on["vad"]):
            name = " + ".join(label for switch, label in SWITCHES.items() if on[switch])
            rows.append(Row(name, replace(base, **on), cache))
    return rows


def read_grid(
    source: str, base: FitConfig, caches: Sequence[str], without_vad: Collection[str] = ()
) -> list[Row]:
    """Return the rows of ``--grid``: "components", or the name of a TOML file.

    Args:
        source: as given.
        base: what a row takes where the grid says nothing.
        caches: names of the caches that are compared; a row without one is fitted on each.
        without_vad: those of them that hold no VAD: "components" are then the sets without it.

    Raises:
        ConfigError: if the file cannot be read, a field is unknown, or two rows are the same.
    """
    if source == COMPONENTS:
        rows = [row for name in caches for row in component_rows(base, name, vad=name not in without_vad)]
    else:
        path = Path(source)
        if path.suffix != ".toml":
            raise ConfigError(
                f"--grid: found {source!r}, expected {COMPONENTS!r} or the name of a .toml file"
            )
        rows = _rows_of(read_fields(path), path, base, caches)
    if len(caches) > 1:
        rows = [replace(row, name=f"{row.name}, {row.cache}") for row in rows]
    for one, two in itertools.combinations(rows, 2):
        if one.name == two.name or (one.config, one.cache) == (two.config, two.cache):
            raise ConfigError(f"{source}: rows {one.name!r} and {two.name!r} are the same; remove one")
    return rows


def _rows_of(content: Mapping[str, Any], path: Path, base: FitConfig, caches: Sequence[str]) -> list[Row]:
    for key in content:
        if key not in TABLES:
            close = difflib.get_close_matches(key, TABLES, n=1)
            hint = f"; did you mean [{close[0]}]?" if close else ""
            raise ConfigError(f"{path}: unknown table or field {key!r}, expected {', '.join(TABLES)}{hint}")
    shared = overlaid(base.to_dict(), nested(_table(content.get("base", {}), f"{path}, [base]")))
    axes = flattened(_table(content.get("grid", {}), f"{path}, [grid]"))
    for field, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{path}, [grid], {field}: found {values!r}, expected a list of values")
    wanted = []
    for combination in itertools.product(*axes.values()) if axes else ():
        changes = dict(zip(axes, combination, strict=True))
        if {**shared, **changes}["lstm"] or {**shared, **changes}["global_mean"]:
            wanted.append(
                (", ".join(_spoken(*item) for item in changes.items() if item[0] != "cache"), changes)
            )
    for number, fields in enumerate(content.get("rows", []), start=1):
        where = f"{path}, [[rows]] {number}"
        changes = {key: value for key, value in _table(fields, where).items() if key != "name"}
        wanted.append((in_one_line(str(fields.get("name") or f"row {number}")), changes))
    if not wanted:
        raise ConfigError(f"{path}: no rows; give lists in [grid], or [[rows]]")
    return [
        Row(name or "base", _config(shared, changes, f"{path}, {name or 'base'}"), cache)
        for name, changes in wanted
        for cache in _caches(changes, caches, path)
    ]


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: found {value!r}, expected a table of config fields")
    for name, declared in options_of(FitConfig).items():
        if name in value and not declared.vary:
            why = (
                "every row is fitted with the seeds of --seeds"
                if name == "seed"
                else "every row is the same in it"
            )
            raise ConfigError(f"{where}: {name} is no field of a grid; {why}")
    return value


def _config(shared: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> FitConfig:
    fields = {key: value for key, value in overlaid(shared, nested(changes)).items() if key != "cache"}
    return FitConfig.from_dict(fields, where=where)


def _caches(changes: Mapping[str, Any], caches: Sequence[str], path: Path) -> Sequence[str]:
    if "cache" not in changes:
        return caches
    if changes["cache"] not in caches:
        raise ConfigError(f"{path}: no cache called {changes['cache']!r}, found {', '.join(caches)}")
    return [changes["cache"]]


def _spoken(field: str, value: Any) -> str:
    """Name a choice as people say it: "no VAD", "gru", "lr 0.001"."""
    stream, _, own = field.removeprefix(f"{STREAMS}.").partition(".")
    if own:  # streams.text.temporal is "text gru"
        return f"{stream} {_spoken(own, value)}"
    label = SWITCHES.get(field, field)
    if isinstance(value, bool):
        return label if value else f"no {label}"
    return value if field == "temporal" else f"{field} {value}"
