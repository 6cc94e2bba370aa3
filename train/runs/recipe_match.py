"""What a finished head takes of a cache, and whether one fits by recipe; a full one serves for its compact one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache import CacheReader, Projection
from cache.compaction.projected_reader import ProjectedReader
from cache.format.recipe import Recipe, as_block
from train.checksums import verified
from train.config import FitConfig
from train.errors import RunError
from train.features.inputs import Layer, as_asked
from train.files import projection_file
from train.heads.head import Inputs
from train.heads.streams_head import Head, StreamsHead


@dataclass(frozen=True)
class Side:
    """What a head takes of one cache: of its only one, or of one stream.

    Attributes:
        path: folder of the run.
        name: of the stream; empty for the only cache.
        config: with the stream's own fields, and the layer that was used.
        layer: encoder layer that was used, or all that are weighted; None for a cache without layers.
        inputs: of the head, what comes before its fusion.
        recipe: of the cache that it was trained on.
    """

    path: Path
    name: str
    config: FitConfig
    layer: Layer
    inputs: Inputs
    recipe: Recipe


def streams_in(path: Path, head: Head, config: FitConfig, values: Mapping[str, Any]) -> dict[str, Side]:
    """Return what a head takes of each stream, as the values in its file say; nothing for one cache.

    Raises:
        ValueError, KeyError, TypeError: if they are of other streams, or do not say.
    """
    if not isinstance(head, StreamsHead):
        return {}
    if values["streams"].keys() != head.shape.streams.keys():
        raise ValueError("its tensors are of other streams")
    found = {}
    for name in head.shape.streams:
        about = values["streams"][name]
        layer = layer_in(about["layer"])
        own = replace(config.of_stream(name), layer=as_asked(layer), vad=about["vad"])
        found[name] = Side(path, name, own, layer, head.inputs(name), Recipe(**about["recipe"]))
    return found


def layer_in(value: Any) -> Layer:
    """Return the layer that a head's file names, or all that it weighs.

    Raises:
        ValueError, TypeError: if it is neither.
    """
    return tuple(map(int, value)) if isinstance(value, list) else value


def checked_recipe(side: Side, reader: CacheReader, allow: bool) -> tuple[str, ...]:
    """Return how the cache's recipe differs from the one the head was trained on; nothing where it fits.

    Raises:
        RunError: if it differs, and ``allow`` is off.
    """
    if side.recipe.same_values(reader.recipe) or side.recipe.is_made_from(reader.recipe):
        return ()
    diff = tuple(side.recipe.differences(reader.recipe))
    if not allow:
        stream = f"stream {side.name}: " if side.name else ""
        raise RunError(
            f"{stream}{reader.path}: made with another recipe than the cache {side.path} was trained on "
            f"(trained -> found):{as_block(diff)}Use that cache, or go on with --allow-recipe-diff"
        )
    return tuple(f"{side.name}: {line}" for line in diff) if side.name else diff


@contextmanager
def as_trained(side: Side, reader: CacheReader) -> Iterator[CacheReader]:
    """Give a reader of what the head was trained on: ``reader``, which stays open, or its projection.

    Raises:
        RunError: if the run has no projection of its own and needs one.
    """
    if side.recipe.same_values(reader.recipe) or not side.recipe.is_made_from(reader.recipe):
        yield reader
        return
    projection = projection_of(side, f"{reader.path} is the full cache")
    with ProjectedReader(reader.path, projection) as projected:
        yield projected


def projection_of(side: Side, why: str) -> Projection:
    """Return the projection that made the compact cache on which a head was trained.

    Args:
        side: whose run keeps it.
        why: it is needed, for the message.

    Raises:
        RunError: if it is missing, or another one.
    """
    path = side.path / projection_file(side.name)
    if not path.exists():
        raise RunError(f"{path}: is missing, and {why}; copy it from the compact one")
    projection = Projection.from_file(verified(path))
    if projection.sha256 != side.recipe.projection_sha256:
        raise RunError(f"{path}: not the projection that this head was trained with; restore it from a copy")
    return projection
