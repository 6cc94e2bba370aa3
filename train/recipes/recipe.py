"""What a recipe is: a function of what is known of a cache and its labels to fields of a config, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cache import CacheReader
from train.features.inputs import choose_inputs, has_vad
from train.labels.coverage import is_compact, opened
from train.streams.stream_set import Caches, readers_of

HIDDEN_STATES = "hidden_states/"


@dataclass(frozen=True)
class Known:
    """What a recipe chooses by.

    Attributes:
        field: frame field that feeds the head, for example "hidden_states/12" or "logmel".
        width: its channels.
        vad: whether the cache holds arousal, dominance and valence of each frame.
        compact: whether the cache was made from another one.
        clips: that are trained on.
        streams: the same of each stream, where there are several; the rest is that of the first then.
    """

    field: str
    width: int
    vad: bool
    compact: bool
    clips: int
    streams: tuple[Known, ...] = ()

    @property
    def is_hidden_states(self) -> bool:
        """Whether the frames are the output of an encoder's layer."""
        return self.field.startswith(HIDDEN_STATES)


@dataclass(frozen=True)
class Recipe:
    """What a recipe chose.

    Attributes:
        name: of the recipe.
        fields: of the config; what it leaves out has the method's value.
        why: what was chosen, and why, in one line.
    """

    name: str
    fields: dict[str, Any]
    why: str

    def line(self) -> str:
        """Return the line that a command says."""
        return f"recipe {self.name}: {self.why}"


MakeRecipe = Callable[[Known], Recipe]


def known_of(cache: Caches, clips: int, layer: int | str | None = None) -> Known:
    """Return what a recipe chooses by; no feature is read.

    Args:
        cache: folder of the cache, or its reader; of several streams those by name.
        clips: that are trained on.
        layer: encoder layer; None takes the last one cached.

    Raises:
        ConfigError: if the cache has no such layer.
    """
    with opened(cache) as reader:
        caches = list(readers_of(reader).values())
        if len(caches) == 1:  # with a name or without
            return _known(caches[0], clips, layer)
        streams = tuple(_known(each, clips, None) for each in caches)
        return replace(streams[0], streams=streams)


def _known(reader: CacheReader, clips: int, layer: int | str | None) -> Known:
    inputs = choose_inputs(reader, layer, vad=False)
    return Known(inputs.fields[0], inputs.widths[0], has_vad(reader), is_compact(reader), clips)
