"""Which cached fields feed a head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cache import CacheReader
from train.errors import ConfigError

VAD = "vad"


@dataclass(frozen=True)
class Inputs:
    """Which cached fields feed a head, in the order in which they are joined.

    Attributes:
        fields: frame fields, for example ("hidden_states/12", "vad").
        widths: channels of each.
    """

    fields: tuple[str, ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        """Channels of a joined frame."""
        return sum(self.widths)


def has_vad(reader: CacheReader) -> bool:
    """Whether the cache holds arousal, dominance and valence of each frame."""
    return VAD in reader.frame_fields


def choose_inputs(reader: CacheReader, layer: int | None, vad: bool) -> Inputs:
    """Find the cached fields that a config asks for.

    Raises:
        ConfigError: if the cache has no such layer, or no vad.
    """
    names = [_main_field(reader, layer)]
    if vad:
        if not has_vad(reader):
            found = ", ".join(reader.frame_fields)
            raise ConfigError(
                f"{reader.path}: no vad in this cache, found {found}; switch it off with --no-vad (in a config "
                "or grid file: vad = false)"
            )
        names.append(VAD)
    fields = [reader.frame_fields[name] for name in names]
    return Inputs(tuple(names), tuple(field.width for field in fields))


def require_inputs(reader: CacheReader, layer: int | None, vad: bool, width: int, head: Path) -> None:
    """Refuse a cache that has not what a finished head takes; nobody can choose its layer any more.

    Args:
        reader: the cache.
        layer: the head's; None if it was trained on a cache without layers.
        vad: whether it takes VAD.
        width: channels of its frames.
        head: folder of its run, for the message.

    Raises:
        ConfigError: if a field is missing, or the frames have another number of channels.
    """
    needed = ([] if layer is None else [f"hidden_states/{layer}"]) + ([VAD] if vad else [])
    way = "give a cache of the encoder, layer and recipe that it was trained on"
    if any(name not in reader.frame_fields for name in needed):
        raise ConfigError(
            f"{reader.path}: the head of {head} needs {' and '.join(needed)} of its encoder, the cache has "
            f"{', '.join(reader.frame_fields)}; {way}"
        )
    found = choose_inputs(reader, layer, vad)
    if found.width != width:
        raise ConfigError(
            f"{reader.path}: {' + '.join(found.fields)} are {found.width} channels, the head of {head} needs "
            f"{width}; {way}"
        )


def _main_field(reader: CacheReader, layer: int | None) -> str:
    prefix = "hidden_states/"
    layers = sorted(int(name.removeprefix(prefix)) for name in reader.frame_fields if name.startswith(prefix))
    others = [name for name in reader.frame_fields if not name.startswith(prefix) and name != VAD]
    if layers:
        if layer is not None and layer not in layers:
            found = ", ".join(map(str, layers))
            raise ConfigError(
                f"{reader.path}: layer {layer} is not in this cache, found {found}; choose one with --layer"
            )
        return f"{prefix}{layers[-1] if layer is None else layer}"
    if layer is not None:
        raise ConfigError(
            f"{reader.path}: no encoder layers in this cache, found {', '.join(others)}; leave --layer out"
        )
    if len(others) != 1:
        found = ", ".join(others) or "none"
        raise ConfigError(f"{reader.path}: expected hidden states or one other frame field, found {found}")
    return others[0]
