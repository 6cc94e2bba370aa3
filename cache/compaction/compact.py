"""Makes the laptop cache: frames pooled over time, projected, and quantised, in two passes over the full cache.

What it costs is measured, not assumed: see ``cache.compaction.measure``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from cache.common.errors import CacheError, RecipeMismatchError
from cache.common.progress import OnPhase, silent_phase
from cache.common.storage.url_path import place
from cache.common.types import Array
from cache.common.words import counted
from cache.compaction.fields import Fields, chosen_fields, compact_fields, is_projected
from cache.compaction.options import CompactOptions
from cache.compaction.projection import FILE, Moments, Projection, pool_frames, require_fields
from cache.copy_shard import content_of, counting_rows, has_shard, open_like, read_shard
from cache.format import catalog, schema
from cache.format.recipe import COMPACT, Recipe, as_block
from cache.format.schema import FORMAT_VERSION, FrameField
from cache.reader import CacheReader
from cache.shards.arrays import ShardArrays, frame_arrays, frame_checksums
from cache.writer import CacheWriter


@dataclass(frozen=True)
class Compacted:
    """What ``compact`` made.

    Attributes:
        path: of the compact cache.
        projection: what was applied.
        options: as chosen.
        clips: in the compact cache now.
        source_bytes: size of the source's shards.
        num_bytes: size of the compact cache's shards.
    """

    path: Path
    projection: Projection
    options: CompactOptions
    clips: int
    source_bytes: int
    num_bytes: int


def compact(
    source: Path | str,
    target: Path | str,
    options: CompactOptions | None = None,
    *,
    fit_on: Sequence[str] | None = None,
    like: Path | str | None = None,
    on_phase: OnPhase = silent_phase,
) -> Compacted:
    """Make the compact cache of a cache, or add to it what the cache has got since.

    Args:
        source: a full cache.
        target: folder of the compact cache; continued when it exists.
        options: what becomes of the frames; ``like`` brings its own, which those given must equal, and
            so must those an existing target was made with.
        fit_on: clips to fit the projection on; default all, or those an existing target was fitted on.
            Ids the cache does not hold are passed over.
        like: apply the projection of this compact cache, which gives the same recipe.
        on_phase: called with the name of a phase, ``fitting`` (clips) or ``writing`` (shards).

    Raises:
        CacheError: the options do not fit the source, each other, or what the target was made with.
    """
    source, target = place(source), place(target)
    if like and fit_on is not None:
        raise CacheError(f"{like} brings its projection along: there is nothing to fit on clips")
    with CacheReader(source) as reader:
        if reader.recipe.source is not None:
            raise CacheError(f"{source} is a compact cache already; make it from the full cache")
        model = place(like) if like else target if (target / catalog.DESCRIPTION).exists() else None
        if model:
            wanted = options or (None if like else CompactOptions())
            projection = _projection_of(model, reader, wanted, fit_on)
            description = catalog.read_description(model)
        else:
            projection = fit(reader, options or CompactOptions(), fit_on, on_phase)
            recipe, fields = compact_described(reader, reader.recipe, projection, options or CompactOptions())
            description = replace(reader.description, recipe=recipe, fields=fields)
        writer = open_like(target, description, {FILE: projection.to_bytes()})
        on_progress = on_phase("writing")
        for shard in range(len(reader.records)):
            _take_over(reader, shard, writer, projection)
            on_progress(shard + 1, len(reader.records))
        source_bytes = sum(record.num_bytes for record in reader.records)
    records = catalog.read_records(target)
    size = sum(record.num_bytes for record in records)
    made = made_with(description.recipe)
    return Compacted(target, projection, made, len(catalog.effective(records)), source_bytes, size)


def fit(
    reader: CacheReader,
    options: CompactOptions,
    fit_on: Sequence[str] | None,
    on_phase: OnPhase = silent_phase,
) -> Projection:
    """Fit the projection of every wide field on the pooled frames of some clips, in one pass."""
    names = [name for name in chosen_fields(reader, options.layers) if is_projected(reader, name, options)]
    chosen = None if fit_on is None else set(fit_on)
    wanted = [clip_id for clip_id in reader.clip_ids if chosen is None or clip_id in chosen]
    if not names:
        return Projection(options.pool, {})
    if not wanted:
        raise CacheError(
            f"{reader.path} holds none of the {counted(len(fit_on or ()), 'clip')} to fit the projection on"
        )
    moments = {name: Moments(reader.frame_fields[name].width) for name in names}
    on_progress = on_phase("fitting")
    for done, clip_id in enumerate(wanted):
        for name in names:
            moments[name].add(pool_frames(reader.read_frames(clip_id, name), options.pool))
        on_progress(done + 1, len(wanted))
    axes = {name: moments[name].axes(options.project) for name in names}
    return Projection(options.pool, axes, tuple(wanted), _digest(fit_on))


def _digest(fit_on: Sequence[str] | None) -> str:
    """Return the sha256 of the ids in any order; empty for None."""
    if fit_on is None:
        return ""
    return hashlib.sha256(json.dumps(sorted(set(fit_on))).encode()).hexdigest()


def compact_described(
    full: Fields, source: Recipe, projection: Projection, options: CompactOptions
) -> tuple[Recipe, dict[str, FrameField]]:
    """Return recipe and frame fields of the compact cache of a full one, which has ``source`` as its recipe."""
    fields = compact_fields(full, options)
    recipe = {
        "format_version": FORMAT_VERSION,
        "derived": COMPACT,
        "pool": options.pool,
        "project": options.project,
        "dtype": options.dtype,
        "projection_sha256": projection.sha256,
        "stored_dtype": {name: field.dtype.name for name, field in fields.items()},
        "source_recipe_id": source.recipe_id,
        "source_recipe": source,
    }
    return Recipe(recipe), fields


def options_of(path: Path) -> CompactOptions:
    """Return what a compact cache was made with; raises CacheError for any other cache."""
    Projection.load(path)
    return made_with(catalog.read_description(path).recipe)


def made_with(recipe: Recipe) -> CompactOptions:
    """Return the options that a compact cache of this recipe was made with."""
    layers = ",".join(map(str, recipe.layers)) or "last"
    return CompactOptions(recipe["pool"], recipe["project"], recipe["dtype"], layers)


def _projection_of(
    model: Path, reader: CacheReader, options: CompactOptions | None, fit_on: Sequence[str] | None
) -> Projection:
    """Return the projection of an existing compact cache, if it is what the source and the options ask for."""
    projection, recipe = Projection.load(model), catalog.read_description(model).recipe
    theirs = recipe.source or Recipe()
    if not theirs.same_values(reader.recipe):
        raise RecipeMismatchError(
            f"{model} was made from a cache of another recipe than {reader.path} (its source -> this one):"
            f"{as_block(theirs.differences(reader.recipe))}"
            "Extract this one with the options of that source, or compact it without --like"
        )
    require_fields(projection, list(reader.frame_fields), reader.path)
    differing = _differing(made_with(recipe), options, reader) if options else []
    if projection.axes and fit_on is not None and _digest(fit_on) != projection.asked:
        held = {clip_id for clip_id in fit_on if clip_id in reader}
        if held != set(projection.fitted_on):
            differing.append(
                f"fitted on {counted(len(projection.fitted_on), 'clip')}, not those {len(held)} of --fit-on"
            )
    if differing:
        raise RecipeMismatchError(
            f"{model} exists and was made with {', '.join(differing)}; choose another folder for these "
            "options, or leave them as they were"
        )
    return projection


def _differing(made: CompactOptions, asked: CompactOptions, reader: CacheReader) -> list[str]:
    names = ("pool", "project", "dtype")
    lines = [
        f"{name} {getattr(made, name)}, not {getattr(asked, name)}"
        for name in names
        if getattr(made, name) != getattr(asked, name)
    ]
    if set(chosen_fields(reader, made.layers)) != set(chosen_fields(reader, asked.layers)):
        lines.append(f"layers {made.layers}, not {asked.layers}")
    return lines


def _take_over(reader: CacheReader, shard: int, writer: CacheWriter, projection: Projection) -> None:
    """Commit the compact form of a shard under the same name, unless that is done or none of it counts."""
    record, rows = reader.records[shard], counting_rows(reader, shard)
    if not rows or has_shard(writer.path, record.name):
        return
    content = content_of(
        record, rows, recipe_id=writer.description.recipe.recipe_id, versions=writer.versions()
    )
    arrays = compact_arrays(read_shard(reader, shard, rows), projection, writer.fields)
    writer.commit_arrays(arrays, content, record.name)


def compact_arrays(full: ShardArrays, projection: Projection, fields: Sequence[FrameField]) -> ShardArrays:
    """Return the compact form of a shard's arrays; what belongs to clips stays as it is."""
    arrays = {name: array for name, array in full.arrays.items() if _is_kept(name)}
    starts = full.arrays[schema.OFFSETS]
    lengths = -(-np.diff(starts) // projection.pool)
    arrays[schema.OFFSETS] = np.cumsum([0, *lengths.tolist()], dtype=np.int64)
    for field in fields:
        frames = full.arrays[schema.FRAMES + field.name]
        clips = [projection.frames(field.name, part) for part in _parts(frames, starts)]
        arrays |= frame_arrays(field, clips)
        means = full.arrays[schema.GLOBAL_MEAN + field.name]
        # Clip by clip, here as above: in a product of many rows the last bits would depend on the others.
        arrays[schema.GLOBAL_MEAN + field.name] = np.stack(
            [projection.global_mean(field.name, mean) for mean in means]
        )
    attributes = {schema.FRAMES + field.name: field.attributes() for field in fields}
    return ShardArrays(arrays, attributes, frame_checksums(arrays, fields))


def _is_kept(name: str) -> bool:
    return name.startswith(schema.CLIPS) and not name.startswith(schema.CRC)


def _parts(frames: Array, starts: Array) -> Iterator[Array]:
    return (frames[begin:end] for begin, end in pairwise(starts))
