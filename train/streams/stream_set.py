"""A set of streams: caches by name, read together, each clip by the one id that it has in all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.errors import UnknownFieldError
from cache.common.ids import nearly_matching
from cache.common.types import Array
from train.errors import ConfigError, LabelError
from train.streams.arguments import CachePlace
from train.streams.settings import DROP, TOKEN, require_name

SHOWN = 3  # ids of either side when none meets
BoolArray = npt.NDArray[np.bool_]


class StreamSet:
    """Several caches by name, as what reads labels and plans a fit sees one: its clips are those of the streams.

    Streams are in the order of their names, so that the order in which they are given has no effect. Nothing is
    written: each keeps its own recipe, frame rate, width and compact form.

    Args:
        readers: of the caches, by name.
        missing: with "drop" a clip that a stream lacks is none of the set.
        taken: names of those that feed the head, whose clips are those of all of them; None takes all.

    Attributes:
        readers: of the streams that feed the head, by name.
        among: of all whose clips count, by name.

    Raises:
        ConfigError: if there is no stream, or a name is none.
        LabelError: if two streams have no clip in common.
    """

    def __init__(
        self,
        readers: Mapping[str, CacheReader],
        missing: str = TOKEN,
        taken: Collection[str] | None = None,
    ) -> None:
        if not readers:
            raise ConfigError("streams: found none, expected NAME=CACHE for each")
        for name in readers:
            require_name(name)
        self.among = {name: readers[name] for name in sorted(readers)}
        self.readers = {name: each for name, each in self.among.items() if taken is None or name in taken}
        self.missing = missing
        _require_common(self.among)
        self._clips = _clips_of(self.among, missing)

    @property
    def path(self) -> str:
        """Where the caches are, in words: ``audio=data/audio text=data/text``, as a command line has it."""
        return " ".join(f"{name}={reader.path}" for name, reader in self.readers.items())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the streams, in order."""
        return tuple(self.readers)

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """All clips: those of the first stream, then those that only the next one has, and so on."""
        return tuple(self._clips)

    @property
    def beside(self) -> dict[str, str]:
        """Where streams are that do not feed the head, and without which its clips would be others; mostly none."""
        if _clips_of(self.readers, self.missing).keys() == self._clips.keys():
            return {}
        return {name: str(each.path) for name, each in self.among.items() if name not in self.readers}

    def __len__(self) -> int:
        return len(self._clips)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._clips

    def __enter__(self) -> StreamSet:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the open files; reading again opens them again."""
        for reader in self.among.values():
            reader.close()

    def present(self, clip_ids: Sequence[str]) -> dict[str, BoolArray]:
        """Return of each stream which of some clips it holds, (clips,) each."""
        return {
            name: np.array([clip in reader for clip in clip_ids], dtype=np.bool_)
            for name, reader in self.readers.items()
        }

    def clip_table(self, name: str, clip_ids: Sequence[str]) -> Array:
        """Return one row per clip of a ``clips/…`` field: of the first stream that has the field and the clip.

        Raises:
            UnknownFieldError: if none has it for a clip.
        """
        found: dict[str, Array] = {}
        for reader in {**self.readers, **self.among}.values():
            here = [clip for clip in clip_ids if clip in reader and clip not in found]
            try:
                found |= dict(zip(here, reader.clip_table(name, here), strict=True))
            except UnknownFieldError:
                continue
        lacking = [clip for clip in clip_ids if clip not in found]
        if lacking:
            raise UnknownFieldError(f"{self.path}: no stream holds {name} of {lacking[0]!r}")
        return np.array([found[clip] for clip in clip_ids])


Source = CacheReader | StreamSet
Caches = Source | CachePlace | Mapping[str, CacheReader]


def open_source(
    cache: CachePlace | Mapping[str, CacheReader], missing: str = TOKEN, taken: Collection[str] | None = None
) -> Source:
    """Open a cache, or those of streams, of which the head may take some only; whoever asks closes them."""
    if not isinstance(cache, Mapping):
        return CacheReader(cache)
    with ExitStack() as stack:
        readers = {
            name: each if isinstance(each, CacheReader) else stack.enter_context(CacheReader(each))
            for name, each in cache.items()
        }
        found = StreamSet(readers, missing, taken)
        stack.pop_all()
    return found


def as_missing(reader: Source, missing: str) -> Source:
    """Return the same source whose clips are those that ``missing`` of a config leaves."""
    if isinstance(reader, CacheReader) or reader.missing == missing:
        return reader
    return StreamSet(reader.among, missing, reader.names)


def readers_of(reader: Source) -> dict[str, CacheReader]:
    """Return the caches of a source by the names of its streams; a single cache has no name."""
    return {"": reader} if isinstance(reader, CacheReader) else reader.readers


def recipe_ids(reader: Source) -> str | dict[str, str]:
    """Return the id of a cache's recipe; of streams, those by name."""
    if isinstance(reader, CacheReader):
        return reader.recipe_id
    return {name: each.recipe_id for name, each in reader.readers.items()}


def places_of(reader: Source) -> str | dict[str, str]:
    """Return where a cache is; of streams, where each is, by name."""
    if isinstance(reader, CacheReader):
        return str(reader.path)
    return {name: str(each.path) for name, each in reader.readers.items()}


def resolved(cache: CachePlace) -> str | dict[str, str]:
    """Return the whole path of a cache; of streams, that of each, by name."""
    if isinstance(cache, Mapping):
        return {name: str(Path(path).resolve()) for name, path in cache.items()}
    return str(Path(cache).resolve())


def _clips_of(readers: Mapping[str, CacheReader], missing: str) -> dict[str, None]:
    """Return the clips of streams as keys, in order: those of any, or with "drop" of all."""
    union = dict.fromkeys(clip for reader in readers.values() for clip in reader)
    if missing != DROP:
        return union
    return dict.fromkeys(clip for clip in union if all(clip in reader for reader in readers.values()))


def _require_common(readers: Mapping[str, CacheReader]) -> None:
    """Refuse a stream that has no clip in common with any other; one without any clip just lacks them all.

    Raises:
        LabelError: if there is one.
    """
    filled = {name: reader for name, reader in readers.items() if len(reader)}
    for name, reader in filled.items():
        others = {other: each for other, each in filled.items() if other != name}
        if not others or any(clip in other for clip in reader for other in others.values()):
            continue
        second, theirs = next(iter(others.items()))
        one, two = (", ".join(each.clip_ids[:SHOWN]) for each in (reader, theirs))
        raise LabelError(
            f"{name}={reader.path} and {second}={theirs.path} have no clip in common: the first holds {one}, the "
            f"other {two}; streams are joined by ids, which must be the same text"
            f"{nearly_matching(reader.clip_ids, theirs.clip_ids)}"
        )
