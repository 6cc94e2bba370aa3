"""What a fit takes of each stream: its config, its layer, and which clips it holds; decided before any is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.registry import near_miss
from cache.common.words import counted
from train.config import FitConfig
from train.errors import ConfigError, LabelError
from train.features.inputs import Layer, as_asked, choose_inputs
from train.features.streams import stream_config
from train.heads.registry import STREAM_FUSIONS
from train.labels.coverage import is_compact
from train.machine import choose_device
from train.runs.precision import require_precision
from train.streams.settings import REFUSE
from train.streams.stream_set import Source, StreamSet

SHOWN = 3  # ids named in an error
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
WAY = "name each stream, NAME=CACHE, such as audio=data/audio text=data/text"


@dataclass(frozen=True)
class StreamPlan:
    """What a fit takes of one stream.

    Attributes:
        config: of the stream, its own fields over those that all have.
        layer: encoder layer, or all that are weighted; None for a cache without layers.
        present: (clips,) which of the clips of the fit it holds.
    """

    config: FitConfig
    layer: Layer
    present: BoolArray


def require_streams(reader: Source, config: FitConfig) -> None:
    """Refuse a config that asks for streams which are not given, or for a fusion that takes others.

    Raises:
        ConfigError: if it does.
    """
    names = reader.names if isinstance(reader, StreamSet) else ()
    asked = {f"streams.{name}": name for name in config.streams}
    if config.query is not None:
        asked["query"] = config.query
    for field, name in asked.items():
        if not names:
            raise ConfigError(f"{field}: the config speaks of a stream {name!r}, found one cache; {WAY}")
        if name not in names:
            raise ConfigError(
                f"{field}: there is no stream {name!r}, found {', '.join(names)}{near_miss(name, names)}; name its "
                f"cache, {name}=CACHE, or take it out of the config"
            )
    if config.fusion in STREAM_FUSIONS:
        _require_number(config.fusion, names)
    if config.stream_dropout and not names:
        raise ConfigError(f"stream_dropout: leaves out streams, found one cache; {WAY}")


def _require_number(fusion: str, names: Sequence[str]) -> None:
    """Refuse a fusion that takes more streams, or fewer."""
    kind: Any = STREAM_FUSIONS.get(fusion)
    least, most = getattr(kind, "least", 1), getattr(kind, "most", None)
    if len(names) < least or (most is not None and len(names) > most):
        expected = f"{least} or more" if most is None else f"{least} to {most}"
        found = f"{len(names)} ({', '.join(names)})" if names else "one cache without a name"
        way = WAY if len(names) < least else "leave some out"
        raise ConfigError(
            f"fusion {fusion}: takes {expected} streams, found {found}; {way}, or choose another "
            "--fusion, such as concat"
        )


def require_everywhere(reader: StreamSet, clip_ids: Sequence[str]) -> None:
    """Refuse clips that a stream lacks, for ``missing = "refuse"``.

    Raises:
        LabelError: if there are any.
    """
    for name, here in reader.present(clip_ids).items():
        lacking = [clip for clip, there in zip(clip_ids, here, strict=True) if not there]
        if lacking:
            more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            raise LabelError(
                f"{name}={reader.readers[name].path}: lacks {len(lacking)} of {counted(len(clip_ids), 'clip')} "
                f"that another stream holds: {', '.join(lacking[:SHOWN])}{more}; extract them, or go on with "
                "--missing token (learned values stand in) or drop"
            )


def plan_streams(
    reader: StreamSet, config: FitConfig, clip_ids: Sequence[str], learned: IntArray
) -> dict[str, StreamPlan]:
    """Return what a fit takes of each stream.

    Args:
        reader: the caches.
        config: of the fit.
        clip_ids: its clips.
        learned: positions of those that are trained on.

    Raises:
        ConfigError: if a cache has not the fields that its stream's config asks for.
        LabelError: if a stream lacks a clip that it may not lack, or all that are trained on.
    """
    if config.missing == REFUSE:
        require_everywhere(reader, clip_ids)
    device, plans = choose_device(config.device, compact=is_compact(reader)), {}
    for name, here in reader.present(clip_ids).items():
        cache = reader.readers[name]
        if not here[learned].any():
            raise LabelError(
                f"{name}={cache.path}: holds none of {counted(len(learned), 'clip')} that the head is trained on; "
                "extract them, or leave this stream out"
            )
        own = stream_config(config, name, cache)
        try:
            inputs = choose_inputs(cache, own.layer, own.vad)
            require_precision(own, inputs.head_width, device)
        except ConfigError as error:
            raise ConfigError(f"stream {name}: {error}{_layer_of_some(config, name)}") from None
        plans[name] = StreamPlan(replace(own, layer=as_asked(inputs.layer)), inputs.layer, here)
    return plans


def _layer_of_some(config: FitConfig, name: str) -> str:
    """Return the way to say of some streams which layer they take, where a config says it of all."""
    if config.layer is None or "layer" in config.streams.get(name, {}):
        return ""
    return f"; where not all streams have it, --set streams.NAME.layer={config.layer} is of one"


def absent_clips(plans: dict[str, StreamPlan], clip_ids: Sequence[str], train: int) -> dict[str, Any]:
    """Return the ids that each stream lacks, of training and of validation clips, as ``coverage.json`` has them."""
    found = {}
    for name, plan in plans.items():
        lacking = np.flatnonzero(~plan.present).tolist()
        found[name] = {
            "train": [clip_ids[at] for at in lacking if at < train],
            "valid": [clip_ids[at] for at in lacking if at >= train],
        }
    return found
