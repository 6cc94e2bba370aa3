"""How many of the labelled clips a cache holds; labels and cache meet by clip id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cache import CacheReader
from cache.common.errors import TableError
from cache.common.ids import KnownIds, nearly_matching
from train.errors import LabelError
from train.labels.tables import Labels
from train.streams.settings import DROP, TOKEN
from train.streams.stream_set import Caches, Source, StreamSet, as_missing, open_source, readers_of

HINTED = 3  # ids shown from either side when none meets


@contextmanager
def opened(cache: Caches, missing: str | None = None) -> Iterator[Source]:
    """Give a reader of a cache, or of streams by name; one that was opened here is closed here.

    Args:
        cache: a cache folder or its reader; of several streams, those by name.
        missing: what becomes of a clip that a stream lacks; None keeps to what is open.
    """
    if isinstance(cache, CacheReader | StreamSet):
        yield as_missing(cache, missing) if missing else cache
    else:
        with open_source(cache, missing or TOKEN) as reader:
            yield reader


def _dropped(missing: Sequence[str], reader: Source) -> str:
    """Say which streams lack clips that others hold, where such clips are dropped; nothing elsewhere."""
    if not isinstance(reader, StreamSet) or reader.missing != DROP:
        return ""
    held = [clip_id for clip_id in missing if any(clip_id in each for each in reader.among.values())]
    counts = {name: sum(clip_id not in each for clip_id in held) for name, each in reader.among.items()}
    lacking = ", ".join(f"{name} lacks {count}" for name, count in counts.items() if count)
    return f"; --missing drop leaves out what a stream lacks ({lacking}), token keeps it" if held else ""


def is_compact(reader: Source) -> bool:
    """Whether all caches were derived from others: small enough that a CPU is the quicker place."""
    return all(each.recipe.is_compact for each in readers_of(reader).values())


def ids_in(labels: Labels, reader: Source) -> list[str | None]:
    """Return the cache's id of every labelled clip, None where it holds none.

    Raises:
        LabelError: if a label may mean several clips.
    """
    known = KnownIds(reader.clip_ids)
    try:
        return [known.find(text) for text in labels.texts]
    except TableError as error:
        raise LabelError(f"{labels.path}: {error}") from None


def coverage(labels: Labels, reader: Source) -> dict[str, Any]:
    """Return how many of the labelled clips the cache holds, and which it does not.

    Returns:
        ``labelled``, ``cached`` (of those), ``share``, ``missing`` (ids).
    """
    pairs = zip(labels.clip_ids, ids_in(labels, reader), strict=True)
    missing = [clip_id for clip_id, there in pairs if there is None]
    cached = len(labels) - len(missing)
    return {"labelled": len(labels), "cached": cached, "share": cached / len(labels), "missing": missing}


def cached(labels: Labels, reader: Source) -> Labels:
    """Return the labels of the clips that the cache holds, under the ids that it has for them."""
    ids = ids_in(labels, reader)
    kept = labels.take([i for i, clip_id in enumerate(ids) if clip_id is not None])
    return replace(kept, clip_ids=tuple(clip_id for clip_id in ids if clip_id is not None))


def check_coverage(found: dict[str, Any], labels: Labels, reader: Source, least: float) -> None:
    """Refuse labels of which the cache holds too few clips.

    Raises:
        LabelError: if it holds none, or a smaller share than ``least``.
    """
    dropped = _dropped(found["missing"], reader)
    if not found["cached"]:
        if dropped:
            raise LabelError(f"{labels.path}: none of its clips is in every stream of {reader.path}{dropped}")
        ours, theirs = ", ".join(labels.clip_ids[:HINTED]), ", ".join(reader.clip_ids[:HINTED]) or "none"
        raise LabelError(
            f"{labels.path} and {reader.path} have no clip in common: labels name {ours}, the cache holds "
            f"{theirs}; the ids must be the same text{nearly_matching(found['missing'], reader.clip_ids)}"
        )
    if found["share"] < least:
        missing = found["missing"]
        more = f" and {len(missing) - HINTED} more" if len(missing) > HINTED else ""
        raise LabelError(
            f"{labels.path}: {found['cached']} of {found['labelled']} labelled clips are in {reader.path} "
            f"({found['share']:.1%}), expected at least {least:.1%}; missing: "
            f"{', '.join(missing[:HINTED])}{more}; extract them, or accept it with --min-coverage"
            f"{dropped or nearly_matching(missing, reader.clip_ids)}"
        )
