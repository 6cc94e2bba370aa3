"""The cache that a run writes to: a new one, or one that it continues."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cache.common.errors import NotACacheError
from cache.compaction.compact import made_with
from cache.compaction.compact_writer import CompactWriter
from cache.compaction.like import read_like
from cache.format import catalog
from cache.format.catalog import Description
from cache.format.recipe import Recipe
from cache.shards.registry import DEFAULT
from cache.writer import CacheWriter
from extract.audio.rules import FIRST, rules_of
from extract.encoders.base import EncoderDescription
from extract.encoders.registry import BUILT_IN
from extract.options import ExtractOptions
from extract.run.like import require_like


def with_cached_precision(options: ExtractOptions, out: Path) -> ExtractOptions:
    """``auto`` continues a cache in the precision it was begun with, on whatever device.

    A new one gets that of its workers' GPUs, where they are to have some: this machine may have none.
    """
    if options.encoder.precision != "auto":
        return options
    has_gpus = bool(options.engine.gpus_per_worker) and options.encoder.model not in BUILT_IN
    precision = "float16" if has_gpus else "auto"
    with suppress(NotACacheError):
        precision = catalog.read_description(out).recipe.encoder.precision or "auto"
    return replace(options, encoder=replace(options.encoder, precision=precision))


def with_cached_rules(options: ExtractOptions, out: Path) -> ExtractOptions:
    """A cache is continued by the rules for channels, tracks and times that it was begun with."""
    with suppress(NotACacheError):
        return replace(options, rules=rules_of(catalog.read_description(out).recipe.encoder))
    return options


def first_rules_note(options: ExtractOptions) -> tuple[str, ...]:
    """Say so where a cache keeps the rules of the first version."""
    if options.rules != FIRST:
        return ()
    return (
        "the cache keeps the rules it was begun with: the mean of all channels of the first track, segments "
        "counted from its first sample; a new cache gets newer ones (its recipe's 'channels' and 'timeline')",
    )


def open_writer(out: Path, options: ExtractOptions, encoder: EncoderDescription) -> CacheWriter:
    """Make the cache, or continue one of the same recipe; like a compact one it is compacted as it is written.

    Raises:
        RecipeMismatchError: the folder holds a cache of another recipe, or the encoder's values are not those of
            what the options say it is to be like.
    """
    recipe, store = Recipe(options.recipe(encoder)), options.store or DEFAULT
    fields = {field.name: field for field in encoder.fields}
    full = Description(recipe, fields, store, options.shard_mb, encoder.licence)
    if options.like is not None:
        like = read_like(options.like)
        require_like(like, recipe)
        if like.projection is not None:
            return CompactWriter.make(out, full, like.projection, made_with(like.recipe))
    return CacheWriter.open(
        out, recipe, encoder.fields, store=store, shard_mb=options.shard_mb, licence=encoder.licence
    )


def kept_store(writer: CacheWriter, options: ExtractOptions) -> tuple[str, ...]:
    """Say so where another back end was asked for than the cache has had from its start."""
    has = writer.description.store
    if options.store in {None, has}:
        return ()
    advice = f"emi-cache convert {writer.path} NEW --backend {options.store} makes a copy"
    return (f"the cache stays {has}, not {options.store}; {advice}",)
