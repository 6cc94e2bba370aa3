"""Rows of an ablation: the method's switches, sets of streams, fusions of them, or the rows of a TOML grid.

A grid file may hold config fields for every row (``[base]``), lists to combine (``[grid]``), and single rows
(``[[rows]]``, each with a name). ``cache`` is a field too: the name of one of the caches that are compared; and of
named caches ``streams``, those that feed the head of a row::

    [base]
    hidden = 128
    [grid]
    temporal = ["lstm", "gru"]
    lr = [1e-3, 3e-4]
    "streams.text.layer" = [6, 12]
    [[rows]]
    name = "mean only"
    lstm = false
    streams = ["text"]
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from cache.common.option_fields import options_of
from cache.common.words import in_one_line
from cache.format.recipe import canonical_json
from train.config import FitConfig
from train.config_file import read_fields
from train.errors import ConfigError
from train.streams.settings import STREAMS, flattened, nested, overlaid
from train.studies.streams.subsets import (
    chosen_streams,
    config_of,
    fusions_of,
    set_name,
    spoken_set,
    subsets,
    takes,
)

SWITCHES = {"lstm": "LSTM", "global_mean": "global mean", "fusion_head": "fusion head", "vad": "VAD"}
TABLES = ("base", "grid", "rows")
COMPONENTS, FUSIONS = "components", "fusions"
NAMED = (COMPONENTS, STREAMS, FUSIONS)  # grids that need no file


@dataclass(frozen=True)
class Row:
    """One row of the table: a config, to be fitted with several seeds.

    Attributes:
        name: as the table shows it.
        config: of its fits; the seed is set for each.
        cache: name of its cache, or of its set of streams.
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


def stream_rows(base: FitConfig, names: Sequence[str]) -> list[Row]:
    """Return a row for every set of some streams, all of them first."""
    return [
        Row(spoken_set(some), base if len(some) == len(names) else config_of(base, some), set_name(some))
        for some in subsets(names)
    ]


def fusion_rows(base: FitConfig, names: Sequence[str]) -> list[Row]:
    """Return a row for every fusion that takes all streams, that of the config first, then each stream alone."""
    whole = replace(base, fusion_head=True)
    together = [
        Row(fusion, replace(whole, fusion=fusion), set_name(names))
        for fusion in fusions_of(len(names), base.fusion)
    ]
    return [*together, *(Row(f"{name} alone", config_of(whole, (name,)), name) for name in sorted(names))]


def read_grid(
    source: str,
    base: FitConfig,
    caches: Sequence[str],
    without_vad: Collection[str] = (),
    streams: Sequence[str] = (),
) -> list[Row]:
    """Return the rows of ``--grid``: a named one, or those of a TOML file.

    Args:
        source: as given.
        base: what a row takes where the grid says nothing.
        caches: names of the caches that are compared; a row without one is fitted on each.
        without_vad: those of them that hold no VAD: "components" are then the sets without it.
        streams: names of the streams, where the one cache is a set of them; a row without any takes all.

    Raises:
        ConfigError: if the file cannot be read, a field is unknown, or two rows are the same.
    """
    if source in (STREAMS, FUSIONS):
        if len(streams) < 2:
            raise ConfigError(f"--grid {source}: takes two or more streams; name each, NAME=CACHE")
        rows = (stream_rows if source == STREAMS else fusion_rows)(base, streams)
    elif source == COMPONENTS:
        rows = [row for name in caches for row in component_rows(base, name, vad=name not in without_vad)]
    else:
        path = Path(source)
        if path.suffix != ".toml":
            raise ConfigError(
                f"--grid: found {source!r}, expected {', '.join(NAMED)} or the name of a .toml file"
            )
        rows = _rows_of(read_fields(path), path, base, _Corpus(caches, streams))
    if len(caches) > 1:
        rows = [replace(row, name=f"{row.name}, {row.cache}") for row in rows]
    for one, two in itertools.combinations(rows, 2):
        if one.name == two.name or (one.config, one.cache) == (two.config, two.cache):
            raise ConfigError(f"{source}: rows {one.name!r} and {two.name!r} are the same; remove one")
    return rows


class _Corpus(NamedTuple):
    """Names of the caches that rows are fitted on, and of the streams, where the one cache is a set of them."""

    caches: Sequence[str]
    streams: Sequence[str]


class _Wanted(NamedTuple):
    """A row as a file asks for it: its name, what it changes, and its streams; None for all."""

    name: str
    changes: dict[str, Any]
    some: tuple[str, ...] | None


def _rows_of(content: Mapping[str, Any], path: Path, base: FitConfig, corpus: _Corpus) -> list[Row]:
    for key in content:
        if key not in TABLES:
            close = difflib.get_close_matches(key, TABLES, n=1)
            hint = f"; did you mean [{close[0]}]?" if close else ""
            raise ConfigError(f"{path}: unknown table or field {key!r}, expected {', '.join(TABLES)}{hint}")
    own = _table(content.get("base", {}), f"{path}, [base]")
    if isinstance(own.get(STREAMS), list):
        raise ConfigError(
            f"{path}, [base]: a list of streams is of single rows; give it in [[rows]] or [grid]"
        )
    shared = overlaid(base.to_dict(), nested(own))
    wanted = _combined(_table(content.get("grid", {}), f"{path}, [grid]"), f"{path}, [grid]", shared, corpus)
    for number, fields in enumerate(content.get("rows", []), start=1):
        wanted.append(_single(fields, f"{path}, [[rows]] {number}", f"row {number}", corpus))
    if not wanted:
        raise ConfigError(f"{path}: no rows; give lists in [grid], or [[rows]]")
    return [
        Row(each.name or "base", _config(shared, each, f"{path}, {each.name or 'base'}"), cache)
        for each in wanted
        for cache in _caches(each, corpus.caches, path)
    ]


def _combined(
    table: Mapping[str, Any], where: str, shared: Mapping[str, Any], corpus: _Corpus
) -> list[_Wanted]:
    """Return all combinations of lists but those that cannot be; what is of streams left out is left out."""
    axes = flattened(table)
    for field, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where}, {field}: found {values!r}, expected a list of values")
    found: list[_Wanted] = []
    for combination in itertools.product(*axes.values()) if axes else ():
        changes = dict(zip(axes, combination, strict=True))
        some = chosen_streams(changes.pop(STREAMS), corpus.streams, where) if STREAMS in axes else None
        if some is not None:
            changes = {key: value for key, value in changes.items() if _stream_of(key) in (None, *some)}
            if not takes(changes.get("fusion", ""), len(some)):
                continue
        if not ({**shared, **changes}["lstm"] or {**shared, **changes}["global_mean"]):
            continue
        said = [_spoken(*item) for item in changes.items() if item[0] != "cache"]
        each = _Wanted(", ".join([spoken_set(some), *said] if some else said), changes, some)
        if each not in found or some is None:
            found.append(each)
    return found


def _single(fields: Any, where: str, otherwise: str, corpus: _Corpus) -> _Wanted:
    """Return a row of ``[[rows]]``."""
    changes = {key: value for key, value in _table(fields, where).items() if key != "name"}
    some = None
    if isinstance(changes.get(STREAMS), list):
        some = chosen_streams(changes.pop(STREAMS), corpus.streams, where)
        for key in changes:
            if _stream_of(key) not in (None, *some):
                raise ConfigError(f"{where}: {key} is of a stream that the row leaves out")
    return _Wanted(in_one_line(str(fields.get("name") or otherwise)), changes, some)


def _stream_of(field: str) -> str | None:
    """Return the stream whose field it is, by its whole name; None for a field of all."""
    first, _, rest = field.partition(".")
    return rest.partition(".")[0] if first == STREAMS else None


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


def _config(shared: Mapping[str, Any], wanted: _Wanted, where: str) -> FitConfig:
    fields = {key: value for key, value in overlaid(shared, nested(wanted.changes)).items() if key != "cache"}
    config = FitConfig.from_dict(fields, where=where)
    if wanted.some is None:
        return config
    left = config_of(config, wanted.some)
    return replace(left, fusion=config.fusion) if "fusion" in wanted.changes else left


def _caches(wanted: _Wanted, caches: Sequence[str], path: Path) -> Sequence[str]:
    if wanted.some is not None:
        return [set_name(wanted.some)]
    if "cache" not in wanted.changes:
        return caches
    if wanted.changes["cache"] not in caches:
        raise ConfigError(f"{path}: no cache called {wanted.changes['cache']!r}, found {', '.join(caches)}")
    return [wanted.changes["cache"]]


def _spoken(field: str, value: Any) -> str:
    """Name a choice as people say it: "no VAD", "gru", "lr 0.001"."""
    stream, _, own = field.removeprefix(f"{STREAMS}.").partition(".")
    if own:  # streams.text.temporal is "text gru"
        return f"{stream} {_spoken(own, value)}"
    label = SWITCHES.get(field, field)
    if isinstance(value, bool):
        return label if value else f"no {label}"
    return value if field == "temporal" else f"{field} {value}"
