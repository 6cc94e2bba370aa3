"""The caches that a command line names: one, or streams as NAME=CACHE."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.common.storage.url_path import place
from train.errors import ConfigError
from train.streams.settings import NAME, NAMES

CachePlace = Path | str | Mapping[str, Path | str]  # a cache, or those of streams by name
CACHES = "[NAME=]CACHE…"  # as ``--help`` shows it
WAY = "name each stream, NAME=CACHE, such as audio=data/audio text=data/text"


def parse_cache(text: str) -> tuple[str | None, Path]:
    """Return the name that an argument gives its cache, None without one, and where the cache is.

    What exists under the whole text is that path, whatever it is called: ``lr=3`` is the folder ``lr=3`` where
    there is one. ``./lr=3`` is always a path, and ``lr=./3`` always has a name.
    """
    name, equals, path = text.partition("=")
    if not equals or not NAME.fullmatch(name) or Path(text).exists():
        return None, place(text)
    return name, place(path)


def parse_caches(texts: Sequence[str]) -> Path | dict[str, Path]:
    """Return the one cache that arguments name, or those of streams by name.

    Raises:
        ConfigError: if two have one name, or none, or a path is empty.
    """
    named = named_caches(texts)
    if not isinstance(named, Mapping):
        if len(named) > 1:
            raise ConfigError(f"found {len(named)} caches without a name ({', '.join(texts)}); {WAY}")
        return named[0]
    return named


def named_caches(texts: Sequence[str]) -> list[Path] | dict[str, Path]:
    """Return caches that have no names, or those of streams by name.

    Raises:
        ConfigError: if two have one name, only some have names, or a path is empty.
    """
    found = [parse_cache(text) for text in texts]
    names = [name for name, _ in found if name is not None]
    if not names:
        return [path for _, path in found]
    if len(names) < len(found):
        nameless = next(path for name, path in found if name is None)
        raise ConfigError(f"{nameless}: has no name, and other caches have one; {_way(str(nameless))}")
    for name, text in zip(names, texts, strict=True):
        if names.count(name) > 1:
            both = ", ".join(str(path) for each, path in found if each == name)
            raise ConfigError(f"{name}: two streams have this name ({both}); give each its own")
        if text.endswith("="):
            raise ConfigError(f"{text}: names no cache; {WAY}")
    return {name: path for name, path in found if name is not None}


def _way(text: str) -> str:
    """Return the way to name a cache; of one whose name is none, what a name is."""
    name, equals, _ = text.partition("=")
    return f"a name is {NAMES}" if name and equals and "/" not in name else WAY


def places_in(told: object) -> Path | dict[str, Path]:
    """Return where the cache of a run is, or those of its streams by name, from what its files say.

    Args:
        told: a path; the paths of streams by name; or these as one text, as a command line has them.
    """
    if isinstance(told, Mapping):
        return {str(name): place(str(path)) for name, path in sorted(told.items())}
    text = str(told)
    pieces = [piece.partition("=") for piece in re.split(rf" (?={NAME.pattern}=)", text)]
    if Path(text).exists() or not all(equals and NAME.fullmatch(name) for name, equals, _ in pieces):
        return place(text)
    return {name: place(path) for name, _, path in pieces}


def cache_words(place: Path | Mapping[str, Path]) -> list[str]:
    """Return caches as a command line names them, a word each."""
    if isinstance(place, Mapping):
        return [f"{name}={path}" for name, path in place.items()]
    return [str(place)]


def cache_name(told: object) -> str:
    """Return the name of a cache's folder; of streams, that of each: ``audio=logmel text=e5``."""
    place = places_in(told)
    if isinstance(place, Mapping):
        return " ".join(f"{name}={path.name}" for name, path in place.items())
    return place.name
