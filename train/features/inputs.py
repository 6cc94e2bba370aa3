"""Which cached fields feed a head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cache import CacheReader
from cache.format.schema import HIDDEN_STATES
from train.config import WEIGHTED
from train.errors import ConfigError

VAD = "vad"
NO_FEATURES = (VAD, "times")  # beside the main field: VAD is asked for by its name, times are never features
Layer = (
    int | tuple[int, ...] | None
)  # that a head takes: one, all that it weighs, or none where there are none


@dataclass(frozen=True)
class Inputs:
    """Which cached fields feed a head, in the order in which they are joined.

    Attributes:
        fields: frame fields, for example ("hidden_states/12", "vad").
        widths: channels of each.
        weighted: whether a head sums all encoder layers with weights; they come first.
    """

    fields: tuple[str, ...]
    widths: tuple[int, ...]
    weighted: bool = False

    @property
    def width(self) -> int:
        """Channels of a joined frame."""
        return sum(self.widths)

    @property
    def layers(self) -> tuple[int, ...]:
        """The numbers of the encoder layers among the fields."""
        return tuple(layer_of(name) for name in self.fields if name.startswith(HIDDEN_STATES))

    @property
    def head_width(self) -> int:
        """Channels that remain of a joined frame once a head has summed the layers that it weighs."""
        return self.width - (sum(self.widths[1 : len(self.layers)]) if self.weighted else 0)

    @property
    def layer(self) -> Layer:
        """What runs say of the layer: its number, or those that are weighted; None if the cache has none."""
        if self.weighted:
            return self.layers
        return self.layers[0] if self.layers else None


def as_asked(layer: Layer) -> int | str | None:
    """Return what a config says that takes this layer, or weighs all."""
    return WEIGHTED if isinstance(layer, tuple) else layer


def layer_of(field: str) -> int:
    """Return the number of the encoder layer that a field holds."""
    return int(field.removeprefix(HIDDEN_STATES))


def has_vad(reader: CacheReader) -> bool:
    """Whether the cache holds arousal, dominance and valence of each frame."""
    return VAD in reader.frame_fields


def choose_inputs(reader: CacheReader, layer: int | str | None, vad: bool) -> Inputs:
    """Find the cached fields that a config asks for.

    Raises:
        ConfigError: if the cache has no such layer, or no vad.
    """
    names = _all_layers(reader) if layer == WEIGHTED else [_main_field(reader, layer)]
    if vad:
        if not has_vad(reader):
            found = ", ".join(reader.frame_fields)
            raise ConfigError(
                f"{reader.path}: no vad in this cache, found {found}; switch it off with --no-vad (in a config "
                "or grid file: vad = false)"
            )
        names.append(VAD)
    fields = [reader.frame_fields[name] for name in names]
    return Inputs(tuple(names), tuple(field.width for field in fields), layer == WEIGHTED)


def require_inputs(reader: CacheReader, layer: Layer, vad: bool, width: int, head: Path) -> None:
    """Refuse a cache that has not what a finished head takes; nobody can choose its layer any more.

    Args:
        reader: the cache.
        layer: the head's; all of them if it weighs them; None if it was trained on a cache without layers.
        vad: whether it takes VAD.
        width: channels of its frames, as they are given.
        head: folder of its run, for the message.

    Raises:
        ConfigError: if a field is missing, or the frames have another number of channels.
    """
    layers = () if layer is None else layer if isinstance(layer, tuple) else (layer,)
    needed = [f"{HIDDEN_STATES}{each}" for each in layers] + ([VAD] if vad else [])
    way = "give a cache of the encoder, layer and recipe that it was trained on"
    weighted = isinstance(layer, tuple)
    if any(name not in reader.frame_fields for name in needed) or (
        weighted and _layers_in(reader) != sorted(layers)
    ):
        raise ConfigError(
            f"{reader.path}: the head of {head} needs {' and '.join(needed)} of its encoder, the cache has "
            f"{', '.join(reader.frame_fields)}; {way}"
        )
    found = choose_inputs(reader, as_asked(layer), vad)
    if found.width != width:
        raise ConfigError(
            f"{reader.path}: {' + '.join(found.fields)} are {found.width} channels, the head of {head} needs "
            f"{width}; {way}"
        )


def _layers_in(reader: CacheReader) -> list[int]:
    return sorted(layer_of(name) for name in reader.frame_fields if name.startswith(HIDDEN_STATES))


def _all_layers(reader: CacheReader) -> list[str]:
    """Return the fields of all encoder layers, the lowest first."""
    names = [f"{HIDDEN_STATES}{layer}" for layer in _layers_in(reader)]
    widths = {reader.frame_fields[name].width for name in names}
    if len(names) < 2 or len(widths) > 1:
        found = ", ".join(names) or "none"
        sizes = f", of {' and '.join(map(str, sorted(widths)))} channels" if len(widths) > 1 else ""
        raise ConfigError(
            f"{reader.path}: layer {WEIGHTED} weighs encoder layers of one width, found {found}{sizes}; leave "
            "--layer out, or extract again with several --layers"
        )
    return names


def _main_field(reader: CacheReader, layer: int | str | None) -> str:
    layers = _layers_in(reader)
    others = [
        name for name in reader.frame_fields if not name.startswith(HIDDEN_STATES) and name not in NO_FEATURES
    ]
    if layers:
        if layer is not None and layer not in layers:
            found = ", ".join(map(str, layers))
            raise ConfigError(
                f"{reader.path}: layer {layer} is not in this cache, found {found}; choose one with --layer"
            )
        return f"{HIDDEN_STATES}{layers[-1] if layer is None else layer}"
    if layer is not None:
        raise ConfigError(
            f"{reader.path}: no encoder layers in this cache, found {', '.join(others)}; leave --layer out"
        )
    if len(others) != 1:
        found = ", ".join(others) or "none"
        raise ConfigError(f"{reader.path}: expected hidden states or one other frame field, found {found}")
    return others[0]
