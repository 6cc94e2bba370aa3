"""What clips → extract → cache would do, beforehand: hours, gigabytes, what is there, what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.commit.failures import Failure
from cache.common.console import counted
from cache.common.errors import NotACacheError
from cache.format import catalog
from cache.format.schema import SAMPLING_RATE
from extract.audio.decode import clip_seconds, segment_error
from extract.audio.headers import Header, Told, read_headers
from extract.encoders import encoder_shape
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.shard_plan import used_samples
from extract.sources.clips import Source, SourceClip
from extract.sources.find import find_all
from extract.sources.unknown_columns import unused_lines

MAX_LISTED = 20
BYTES_PER_CLIP = 400  # ids, offsets, loudness and checksums of a clip in its shard and record
SHARE_DIFFERENCE = 0.1  # splits whose shares of one format differ by more are warned of

_Headers = Mapping[Path, Header | ClipError]


@dataclass
class SplitPlan:
    """One split of the source.

    Attributes:
        clips: how many.
        seconds: of sound in them, as their headers say.
        formats: container, codec, sampling rate and channels → clips.
    """

    clips: int = 0
    seconds: float = 0.0
    formats: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        clips: of the source, those without a file included.
        cached: of them, in the cache already.
        to_do: of them, to be extracted.
        hours: of sound in the source.
        hours_to_do: of sound the encoder would see: the first ``max_seconds`` of every clip to do.
        gigabytes: to be written [10^9 bytes].
        splits: by name; empty when the source names none.
        failures: clips that have no file, cannot be read, or are no part of their file.
        warnings: what to think about before the run.
        unused_columns: manifest → columns that nothing uses.
    """

    clips: int
    cached: int
    to_do: int
    hours: float
    hours_to_do: float
    gigabytes: float
    splits: dict[str, SplitPlan]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    unused_columns: dict[str, tuple[str, ...]]


def plan(sources: Sequence[Path], out: Path, options: ExtractOptions, told: Told) -> Plan:
    """Look at the headers of a source's files, and at what the cache holds; no model runs.

    Raises:
        EmiError: the source, the encoder's settings or the cache cannot be used.
    """
    found = find_all(sources, options.media)
    shape = encoder_shape(options.encoder)
    headers = read_headers([clip.path for clip in found.clips], options.workers, told)
    cached = _cached(out)
    new = [clip for clip in found.clips if clip.clip_id not in cached]
    errors = _errors(new, headers)
    samples = {
        clip.clip_id: used_samples(clip, headers[clip.path], options.max_seconds)
        for clip in new
        if clip.clip_id not in errors
    }
    unusable = [
        Failure(clip.clip_id, clip.shown, "decode", errors[clip.clip_id].reason, str(errors[clip.clip_id]))
        for clip in new
        if clip.clip_id in errors
    ]
    frame_bytes = sum(frame_field.bytes_per_frame for frame_field in shape.fields)
    clip_bytes = BYTES_PER_CLIP + 4 * sum(frame_field.width for frame_field in shape.fields)
    frames = sum(map(shape.num_frames, samples.values()))
    splits = _splits(found, headers)
    return Plan(
        clips=len(found.clips) + len(found.failures),
        cached=len(cached & found.splits.keys()),
        to_do=len(samples),
        hours=sum(split.seconds for split in splits.values()) / 3600,
        hours_to_do=sum(samples.values()) / SAMPLING_RATE / 3600,
        gigabytes=(frames * frame_bytes + len(samples) * clip_bytes) / 1e9,
        splits=splits,
        failures=(*found.failures, *unusable),
        warnings=tuple(_warnings(splits)),
        unused_columns=found.unused,
    )


def _cached(out: Path) -> set[str]:
    try:
        catalog.read_description(out)
    except NotACacheError:
        return set()
    return {clip_id for record in catalog.read_records(out) for clip_id in record.clip_ids}


def _splits(found: Source, headers: _Headers) -> dict[str, SplitPlan]:
    splits: dict[str, SplitPlan] = {}
    for clip in found.clips:
        split = splits.setdefault(clip.split or "all", SplitPlan())
        split.clips += 1
        header = headers[clip.path]
        if isinstance(header, Header):
            split.seconds += clip_seconds(clip, header)
            shape = f"{header.sampling_rate} Hz, {counted(header.channels, 'channel')}"
            split.formats[f"{header.container}/{header.codec}, {shape}"] += 1
    return dict(sorted(splits.items()))


def _errors(clips: Sequence[SourceClip], headers: _Headers) -> dict[str, ClipError]:
    """Return clip id → why a run would not extract it, as far as headers tell."""
    errors = {}
    for clip in clips:
        found = headers[clip.path]
        error = segment_error(clip, found.promised, found.channels) if isinstance(found, Header) else found
        if error is not None:
            errors[clip.clip_id] = error
    return errors


def _warnings(splits: Mapping[str, SplitPlan]) -> list[str]:
    differing = []
    for name in dict.fromkeys(name for split in splits.values() for name in split.formats):
        shares = {key: split.formats[name] / max(1, split.formats.total()) for key, split in splits.items()}
        if max(shares.values()) - min(shares.values()) > SHARE_DIFFERENCE:
            said = ", ".join(f"{share:.0%} of {key}" for key, share in shares.items())
            differing.append(f"{name} is {said}")
    if not differing:
        return []
    advice = (
        "A head may learn the recording instead of the voice: use the same kind of file for all if you can"
    )
    return [f"splits differ: {'; '.join(differing)}. {advice}"]


def as_json(report: Plan) -> dict[str, Any]:
    """Return the plan ready for JSON."""
    splits = {name: vars(split) for name, split in report.splits.items()}
    return {**vars(report), "splits": splits, "failures": [vars(failure) for failure in report.failures]}


def as_text(report: Plan, out: Path) -> str:
    """Return the plan as lines for a terminal."""
    lines = [
        f"{counted(report.clips, 'clip')}, {report.hours:.2f} h of sound",
        f"  {report.cached} are in {out} already, {report.to_do} to extract: {report.hours_to_do:.2f} h for the "
        f"encoder, {report.gigabytes:.3f} GB to write",
    ]
    for name, split in report.splits.items():
        lines.append(f"  {name}: {counted(split.clips, 'clip')}, {split.seconds / 3600:.2f} h")
        lines += [f"    {count:6} {shape}" for shape, count in split.formats.most_common()]
    lines += [f"  warning: {warning}" for warning in report.warnings]
    lines += unused_lines(report.unused_columns)
    if report.failures:
        counts = Counter(failure.reason for failure in report.failures)
        said = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
        lines.append(f"  {len(report.failures)} have no file, or cannot be read as stated: {said}")
        lines += [f"    {f.clip_id}: {f.reason}: {f.message}" for f in report.failures[:MAX_LISTED]]
        if len(report.failures) > MAX_LISTED:
            lines.append(f"    and {len(report.failures) - MAX_LISTED} more (--json lists all)")
    return "\n".join(lines)
