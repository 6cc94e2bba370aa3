"""The caches that rows are fitted on; rows of some of the same streams share the readers of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cache import CacheReader
from train.errors import ConfigError
from train.labels.tables import listed
from train.streams.stream_set import Source, StreamSet
from train.studies.streams.subsets import PLUS, set_name


def with_subsets(readers: Mapping[str, Source], wanted: Iterable[str]) -> dict[str, Source]:
    """Return sources by name with those of rows that take some of the streams only.

    The clips of such a row are those of all streams, or with ``missing = "drop"`` the common ones, so that every
    row is fitted and reported on the same; a clip that none of its streams holds has learned values in it.

    Args:
        readers: the sources that were given.
        wanted: names of the sources that rows ask for, of sets of streams as ``set_name`` has them.

    Raises:
        ConfigError: if one is neither among those given nor a set of the streams of one.
    """
    found = dict(readers)
    for name in wanted:
        if name not in found:
            found[name] = _subset(readers, name)
    return found


def sharing(readers: Mapping[str, Source]) -> list[list[str]]:
    """Return the names of sources in groups whose clips and frames are of the same caches."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, reader in readers.items():
        caches = [reader] if isinstance(reader, CacheReader) else reader.among.values()
        groups.setdefault(tuple(map(id, caches)), []).append(name)
    return list(groups.values())


def _subset(readers: Mapping[str, Source], name: str) -> StreamSet:
    asked = name.split(PLUS)
    for reader in readers.values():
        if isinstance(reader, StreamSet) and set(asked) <= set(reader.names) and set_name(asked) == name:
            return StreamSet(reader.among, reader.missing, asked)
    raise ConfigError(f"no cache called {name!r}, found {listed(tuple(readers))}")
