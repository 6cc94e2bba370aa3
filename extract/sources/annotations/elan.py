"""Annotations of ELAN (.eaf): every annotation that is tied to the time line is a segment of its tier.

The layout is that of EAF, annotation format 2.6 to 3.0 (Max Planck Institute for Psycholinguistics). The parser of
the XML knows no entities but XML's own five and opens nothing: a document type is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from cache.common.errors import TableError
from extract.sources.annotations.segments import EXPECTED, Segment, read_annotation


@dataclass
class _Tier:
    """A tier, and the time slots in which its annotations begin and end, with their lines."""

    name: str
    spans: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass
class _Document:
    """What is needed of a file: slots by id [ms], tiers, and its media as their attributes."""

    slots: dict[str, float | None] = field(default_factory=dict)
    tiers: list[_Tier] = field(default_factory=list)
    media: list[Mapping[str, str]] = field(default_factory=list)


def read_elan(path: Path) -> list[Segment]:
    """Return the annotations of all tiers that have times of their own.

    Times of a slot that has none are spread evenly between those of its neighbours in the tier, as ELAN shows them.
    The recording is the first audio file that the document names, else the first file, else the document's name.

    Raises:
        TableError: it is no ELAN document, or a time cannot be known.
    """
    document = _parse(path)
    recording, origin = _recording(path, document)
    segments = []
    for tier in document.tiers:
        times = _times(tier, document.slots)
        for first, last, line in tier.spans:
            start, end = times.get(first), times.get(last)
            if start is None or end is None:
                raise TableError(f"{path}, line {line}: an annotation of {tier.name!r} without a time")
            start, end = (round((time + origin) / 1000, 6) for time in (start, end))
            segments.append(Segment(recording, tier.name, start, end, line))
    return segments


def _parse(path: Path) -> _Document:
    document = _Document()
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        line = parser.CurrentLineNumber
        if name == "TIME_SLOT":
            value = attributes.get("TIME_VALUE")
            document.slots[attributes["TIME_SLOT_ID"]] = None if value is None else _milliseconds(value)
        elif name == "MEDIA_DESCRIPTOR":
            document.media.append(attributes)
        elif name == "TIER":
            document.tiers.append(_Tier(attributes["TIER_ID"]))
        elif name == "ALIGNABLE_ANNOTATION":
            span = attributes["TIME_SLOT_REF1"], attributes["TIME_SLOT_REF2"], line
            document.tiers[-1].spans.append(span)

    def refuse(*_: object) -> None:
        raise ValueError("a document type, which ELAN does not write")

    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    try:
        parser.Parse(read_annotation(path), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        line = parser.CurrentLineNumber
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TableError(
            f"{path}, line {line}: no ELAN document ({reason}); expected one, or {EXPECTED}"
        ) from None
    return document


def _milliseconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"time {text}")
    return value


def _recording(path: Path, document: _Document) -> tuple[str, float]:
    """Return the recording's file name, and where in it the document's time begins [ms]."""
    audio = (media for media in document.media if media.get("MIME_TYPE", "").startswith("audio/"))
    media = next(audio, next(iter(document.media), {}))
    url = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    name = unquote(url).replace("\\", "/").rpartition("/")[2]
    try:
        origin = _milliseconds(media.get("TIME_ORIGIN") or "0")
    except ValueError:
        raise TableError(f"{path}: TIME_ORIGIN {media['TIME_ORIGIN']!r} is no number") from None
    return name or path.stem, origin


def _times(tier: _Tier, slots: Mapping[str, float | None]) -> dict[str, float]:
    """Return the times of a tier's slots [ms]."""
    names = list(dict.fromkeys(slot for first, last, _ in tier.spans for slot in (first, last)))
    times = {name: time for name in names if (time := slots.get(name)) is not None}
    for before, after in pairwise([at for at, name in enumerate(names) if name in times]):
        low, high = times[names[before]], times[names[after]]
        for at in range(before + 1, after):
            times[names[at]] = low + (high - low) * (at - before) / (after - before)
    return times
