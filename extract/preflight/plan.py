"""What a run would do, beforehand: hours, gigabytes, what is there already, what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cache.commit.failures import Failure
from cache.common.errors import NotACacheError
from cache.common.progress import OnProgress
from cache.common.words import counted
from cache.compaction.compact import made_with
from cache.compaction.fields import compact_fields
from cache.compaction.like import read_like
from cache.format import catalog
from cache.format.schema import SAMPLING_RATE, FrameField
from extract.audio.clip_length import clip_seconds, segment_error, used_samples
from extract.audio.headers import Header, read_headers
from extract.encoders.base import EncoderDescription
from extract.encoders.lookup import find_encoder
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.opening import with_cached_rules
from extract.sources.clips import Sound, Source, SourceClip
from extract.sources.find import find_all
from extract.sources.no_media import NoMedia

BYTES_PER_CLIP = 400  # ids, offsets, loudness and checksums of a clip in its shard and record
SHARE_DIFFERENCE = 0.1  # splits whose shares of one format differ by more are warned of

_Headers = Mapping[Sound, Header | ClipError]


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
        no_media: files of the source's folders that are neither sound nor video.
        unknown_lengths: clips whose header does not say how long they are, so that packets or bytes were counted.
        several_tracks: clips whose file has several audio streams.
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
    no_media: NoMedia = field(default_factory=NoMedia)
    unknown_lengths: int = 0
    several_tracks: int = 0


def plan(sources: Sequence[Path], out: Path, options: ExtractOptions, on_progress: OnProgress) -> Plan:
    """Look at the headers of a source's files, and at what the cache holds; no encoder is loaded.

    Raises:
        EmiError: the source, the encoder's settings or the cache cannot be used.
    """
    source = find_all(sources, options.media).with_audio_stream(options.audio_stream)
    options = with_cached_rules(options, out)
    encoder = find_encoder(options.encoder, weights=False)
    sounds = [clip.sound for clip in source.clips]
    headers = read_headers(sounds, options.workers, on_progress, options.rules)
    cached = _cached(out)
    new = [clip for clip in source.clips if clip.clip_id not in cached]
    errors = _errors(new, headers)
    samples = [
        used_samples(clip, headers[clip.sound], options.max_seconds)
        for clip in new
        if clip.clip_id not in errors
    ]
    unusable = [
        Failure(clip.clip_id, clip.shown, "decode", errors[clip.clip_id].reason, str(errors[clip.clip_id]))
        for clip in new
        if clip.clip_id in errors
    ]
    splits = _splits(source, headers)
    readable = [header for sound in sounds if isinstance(header := headers[sound], Header)]
    return Plan(
        clips=len(source.clips) + len(source.failures),
        cached=len(cached & source.splits.keys()),
        to_do=len(samples),
        hours=sum(split.seconds for split in splits.values()) / 3600,
        hours_to_do=sum(samples) / SAMPLING_RATE / 3600,
        gigabytes=_bytes_to_write(samples, encoder, options.like) / 1e9,
        splits=splits,
        failures=(*source.failures, *unusable),
        warnings=tuple(_warnings(splits)),
        unused_columns=source.unused,
        no_media=source.no_media,
        unknown_lengths=sum(header.promised is None for header in readable),
        several_tracks=sum(header.tracks > 1 for header in readable),
    )


class _Full(NamedTuple):
    """The full cache that is not made."""

    path: Path
    frame_fields: dict[str, FrameField]


def _bytes_to_write(samples: Sequence[int], encoder: EncoderDescription, like: Path | None) -> int:
    """Return the bytes that clips of so many samples each will take in shards and records, compacted or not."""
    fields, pool = encoder.fields, 1
    if like is not None and (model := read_like(like)).projection is not None:
        made = made_with(model.recipe)
        full = _Full(like, {frame_field.name: frame_field for frame_field in fields})
        fields, pool = tuple(compact_fields(full, made).values()), made.pool
    frames = sum(-(-encoder.num_frames(count) // pool) for count in samples)
    frame_bytes = sum(frame_field.bytes_per_frame for frame_field in fields)
    clip_bytes = BYTES_PER_CLIP + 4 * sum(frame_field.width for frame_field in fields)
    return frames * frame_bytes + len(samples) * clip_bytes


def _cached(out: Path) -> set[str]:
    try:
        catalog.read_description(out)
    except NotACacheError:
        return set()
    return {clip_id for record in catalog.read_records(out) for clip_id in record.clip_ids}


def _splits(source: Source, headers: _Headers) -> dict[str, SplitPlan]:
    splits: dict[str, SplitPlan] = {}
    for clip in source.clips:
        split = splits.setdefault(clip.split or "all", SplitPlan())
        split.clips += 1
        header = headers[clip.sound]
        if isinstance(header, Header):
            split.seconds += clip_seconds(clip, header)
            shape = f"{header.sampling_rate} Hz, {counted(header.channels, 'channel')}"
            split.formats[f"{header.container}/{header.codec}, {shape}"] += 1
    return dict(sorted(splits.items()))


def _errors(clips: Sequence[SourceClip], headers: _Headers) -> dict[str, ClipError]:
    """Return clip id → why a run would not extract it, as far as headers tell."""
    errors = {}
    for clip in clips:
        header = headers[clip.sound]
        error = segment_error(clip, header) if isinstance(header, Header) else header
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
