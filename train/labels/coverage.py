"""How many of the labelled clips a cache holds; labels and cache meet by clip id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cache import CacheReader
from train.errors import LabelError
from train.labels.tables import Labels

HINTED = 3  # ids shown from either side when none meets


@contextmanager
def opened(cache: CacheReader | Path | str) -> Iterator[CacheReader]:
    """Give a reader; one that was opened here is closed here."""
    if isinstance(cache, CacheReader):
        yield cache
    else:
        with CacheReader(cache) as reader:
            yield reader


def is_compact(reader: CacheReader) -> bool:
    """Whether the cache was derived from another one: small enough that a CPU is the quicker place."""
    return reader.recipe.is_compact


def coverage(labels: Labels, reader: CacheReader) -> dict[str, Any]:
    """Return how many of the labelled clips the cache holds, and which it does not.

    Returns:
        ``labelled``, ``cached`` (of those), ``share``, ``missing`` (ids).
    """
    missing = [clip_id for clip_id in labels.clip_ids if clip_id not in reader]
    cached = len(labels) - len(missing)
    return {"labelled": len(labels), "cached": cached, "share": cached / len(labels), "missing": missing}


def cached(labels: Labels, reader: CacheReader) -> Labels:
    """Return the labels of the clips that the cache holds."""
    return labels.take([i for i, clip_id in enumerate(labels.clip_ids) if clip_id in reader])


def check_coverage(found: dict[str, Any], labels: Labels, reader: CacheReader, least: float) -> None:
    """Refuse labels of which the cache holds too few clips.

    Raises:
        LabelError: if it holds none, or a smaller share than ``least``.
    """
    if not found["cached"]:
        ours, theirs = ", ".join(labels.clip_ids[:HINTED]), ", ".join(reader.clip_ids[:HINTED]) or "none"
        raise LabelError(
            f"{labels.path} and {reader.path} have no clip in common: labels name {ours}, the cache holds "
            f"{theirs}; the ids must be the same text"
        )
    if found["share"] < least:
        missing = found["missing"]
        more = f" and {len(missing) - HINTED} more" if len(missing) > HINTED else ""
        raise LabelError(
            f"{labels.path}: {found['cached']} of {found['labelled']} labelled clips are in {reader.path} "
            f"({found['share']:.1%}), expected at least {least:.1%}; missing: "
            f"{', '.join(missing[:HINTED])}{more}; extract them, or accept it with --min-coverage"
        )
