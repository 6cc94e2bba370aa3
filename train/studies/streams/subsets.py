"""Which streams a row takes: all, or some of them; what is left of a config then, and the fusions for so many."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from train.config import FitConfig
from train.errors import ConfigError
from train.heads.registry import ALL_FUSIONS, STREAM_FUSIONS
from train.streams.settings import StreamSettings

METHOD = "concat"  # fuses any number of streams
PLUS = "+"  # between the names of a set; no name has one


def set_name(names: Collection[str]) -> str:
    """Return the name of a set of streams: ``audio+text``, whatever their order."""
    return PLUS.join(sorted(names))


def spoken_set(names: Collection[str]) -> str:
    """Return a set of streams as a table shows it: ``audio + text``."""
    return f" {PLUS} ".join(sorted(names))


def subsets(names: Collection[str]) -> list[tuple[str, ...]]:
    """Return every set of some streams but the empty one: all of them first, those with fewest last."""
    ordered = sorted(names)
    return [some for size in range(len(ordered), 0, -1) for some in itertools.combinations(ordered, size)]


def chosen_streams(value: Any, names: Collection[str], where: str) -> tuple[str, ...]:
    """Return the streams that a row asks for, in order.

    Args:
        value: as the row has it.
        names: of the streams that there are; none where the caches have no names.
        where: for messages.

    Raises:
        ConfigError: if it is no list of some of the names.
    """
    if not names:
        raise ConfigError(
            f"{where}, streams: found {value!r}, and caches without names; name each stream, NAME=CACHE"
        )
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ConfigError(
            f"{where}, streams: found {value!r}, expected a list of names such as {sorted(names)}"
        )
    for each in value:
        if each not in names or value.count(each) > 1:
            problem = f"{each!r} twice" if each in names else f"no stream {each!r}"
            raise ConfigError(f"{where}, streams: {problem}, found {', '.join(sorted(names))}")
    return tuple(sorted(value))


def takes(fusion: str, count: int) -> bool:
    """Whether a fusion takes so many streams."""
    if fusion not in STREAM_FUSIONS:
        return True
    kind: Any = STREAM_FUSIONS.get(fusion)
    most = getattr(kind, "most", None)
    return bool(getattr(kind, "least", 1) <= count and (most is None or count <= most))


def fusions_of(count: int, first: str) -> list[str]:
    """Return the fusions that take so many streams, ``first`` before the others."""
    return [first, *(name for name in ALL_FUSIONS if name != first and takes(name, count))]


def config_of(config: FitConfig, names: Sequence[str]) -> FitConfig:
    """Return what is left of a config when only some streams feed the head.

    The fields of others are none of it, nor is one of them a query; a fusion that does not take so few gives way to
    the method's; of a single stream none can be left out.
    """
    own = {name: fields for name, fields in config.streams.items() if name in names}
    return replace(
        config,
        streams=StreamSettings(own),
        query=config.query if config.query in names else None,
        fusion=config.fusion if takes(config.fusion, len(names)) else METHOD,
        stream_dropout=config.stream_dropout if len(names) > 1 else 0.0,
    )
