"""The GPU stage on one screen: sources → audio → encoder → writer, decoding and writing beside the encoder."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path
from typing import Any

from cache import folder
from cache.console import Progress
from cache.errors import InvalidValueError, NotACacheError
from cache.failures import REASONS, Failure
from cache.features import ClipFeatures, check_clip
from cache.leases import Lease
from cache.partition import ShardPlan
from cache.record import CommitRecord
from cache.schema import SAMPLING_RATE
from cache.writer import CacheWriter, check_writable
from extract.audio import Audio, decode, header_seconds
from extract.batches import batches
from extract.encoders import load_encoder
from extract.encoders.base import Encoded, Encoder
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.progress import RunMeter
from extract.sources import SourceClip, find_clips
from extract.stopping import StopRequest
from extract.summary import Outcome, Summary, summarise

CLIPS_AHEAD = 32  # decoded clips that may wait for the encoder: 25 MB at 12 s
POLL_SECONDS = 0.5  # between two looks at shards that other writers hold


def extract(
    source: Path | str,
    out: Path | str,
    options: ExtractOptions | None = None,
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Extract every clip of ``source`` that the cache ``out`` does not hold yet.

    Args:
        source: folder, manifest, or table of ids.
        out: folder of the cache; made when missing, continued when it holds the same recipe.
        options: see ``ExtractOptions``.
        encoder: use this one instead of loading ``options.encoder``.
        progress: where progress is shown.

    Returns:
        A summary; failed clips are listed in it and in the cache's ledger, never invented.

    Raises:
        EmiError: the source, the encoder or the folder cannot be used; one readable line.
    """
    out, options, progress = Path(out), options or ExtractOptions(), progress or Progress()
    found = find_clips(Path(source), options.media)
    check_writable(out)
    encoder = encoder or load_encoder(_with_cached_precision(options, out).encoder)
    writer = CacheWriter.open(
        out,
        options.recipe(encoder),
        encoder.fields,
        store=options.store,
        shard_mb=options.shard_mb,
        licence=encoder.licence,
    )
    clips = {clip.clip_id: clip for clip in found.clips}
    records = folder.read_records(out)
    planned_before = [*records, *folder.read_set_aside(out)]
    with StopRequest(options.grace) as stop, RunMeter(progress) as meter:
        plans = _selected(writer.plan(_planned(clips, planned_before, encoder, options, meter)), options)
        meter.start(sum(len(plan.planned) for plan in plans))
        for failure in found.failures:
            writer.fail(failure)
        _run_shards(plans, clips, _Stages(encoder, writer, options, stop, meter))
    return summarise(Outcome(found, records, plans, options, stop.requested), writer.path, meter)


def _with_cached_precision(options: ExtractOptions, out: Path) -> ExtractOptions:
    """``auto`` continues a cache in the precision it was begun with, on whatever device."""
    if options.encoder.precision != "auto":
        return options
    try:
        precision = folder.read_description(out).recipe.get("precision", "auto")
    except NotACacheError:
        return options
    return replace(options, encoder=replace(options.encoder, precision=precision))


def _planned(
    clips: Mapping[str, SourceClip],
    records: Sequence[CommitRecord],
    encoder: Encoder,
    options: ExtractOptions,
    meter: RunMeter,
) -> dict[str, int]:
    """Return clip id → expected frames: as planned at first where it was, else from the header.

    What a replacement says does not count: the partition must stay what it was.
    """
    first_last = sorted(records, key=lambda record: -record.content.generation)
    known = {clip_id: frames for record in first_last for clip_id, frames in record.content.planned.items()}
    planned = {}
    for count, (clip_id, clip) in enumerate(clips.items()):
        if clip_id not in known:
            seconds = min(header_seconds(clip), options.max_seconds)
            known[clip_id] = encoder.num_frames(round(seconds * SAMPLING_RATE))
        planned[clip_id] = known[clip_id]
        meter.planning(count + 1, len(clips))
    return planned


def _selected(plans: list[ShardPlan], options: ExtractOptions) -> list[ShardPlan]:
    """Take this part's shards; every part agrees whose they are, however far the others are."""
    index, count = options.part
    mine = [plan for plan in plans if plan.turn % count == index - 1]
    if options.limit is None:
        return mine
    taken: list[ShardPlan] = []
    while len(taken) < len(mine) and sum(len(plan.planned) for plan in taken) < options.limit:
        taken.append(mine[len(taken)])
    return taken


@dataclass
class _Stages:
    """What the loop needs in every step."""

    encoder: Encoder
    writer: CacheWriter
    options: ExtractOptions
    stop: StopRequest
    meter: RunMeter

    @property
    def batch_seconds(self) -> float:
        chosen = self.options.batch_seconds
        return self.encoder.batch_seconds if chosen is None else chosen


_Claim = tuple[ShardPlan, Lease]


def _run_shards(plans: Sequence[ShardPlan], clips: Mapping[str, SourceClip], stages: _Stages) -> None:
    """Do every shard that no other writer holds; then see to those that others held and did not finish."""
    while plans and not stages.stop.requested:
        held: list[ShardPlan] = []
        _run_round(_claimed(plans, held, stages), clips, stages)
        plans = [plan for plan in held if not stages.writer.is_committed(plan)]
        if len(plans) == len(held) and plans:
            with stages.meter.phase("wait_write"):
                time.sleep(POLL_SECONDS)


def _claimed(plans: Sequence[ShardPlan], held: list[ShardPlan], stages: _Stages) -> Iterator[_Claim]:
    """Yield the shards that are ours now, with their leases; put those that others hold into ``held``."""
    for plan in plans:
        lease = stages.writer.lease(plan)
        if lease is None:
            held.append(plan)
        elif stages.writer.is_committed(plan):
            lease.release()
        else:
            yield plan, lease


def _run_round(claims: Iterator[_Claim], clips: Mapping[str, SourceClip], stages: _Stages) -> None:
    """The one visible loop: a shard is decoded ahead, encoded here, and written behind."""
    taken: list[Lease] = []
    noted = _noted(claims, taken)
    ahead, here = tee(noted)
    with (
        ThreadPoolExecutor(stages.options.num_workers, "decode") as decoders,
        ThreadPoolExecutor(1, "write") as writers,
    ):
        stream = _decoded(_by_length(ahead, clips), stages.options.max_seconds, decoders)
        writing: Future[Any] | None = None
        try:
            for plan, lease in here:
                features = _encode_shard(plan, lease, stream, stages)
                if features is None:
                    break
                with stages.meter.phase("wait_write"):
                    if writing:
                        writing.result()
                writing = writers.submit(_commit, plan, lease, features, stages)
                if stages.stop.requested:
                    break
            if writing:
                with stages.meter.phase("wait_write"):
                    writing.result()
        finally:
            stream.close()
            noted.close()
            if writing:
                wait([writing])
            for lease in taken:
                lease.release()


def _noted(claims: Iterator[_Claim], taken: list[Lease]) -> Generator[_Claim, None, None]:
    """Yield the claims, with every lease noted, so that all are given back however the round ends."""
    for plan, lease in claims:
        taken.append(lease)
        yield plan, lease


def _by_length(claims: Iterator[_Claim], clips: Mapping[str, SourceClip]) -> Iterator[SourceClip]:
    """Yield the clips shard by shard, long ones first: a batch that does not fit fails early."""
    for plan, _ in claims:
        for clip_id in sorted(plan.planned, key=lambda clip_id: (-plan.planned[clip_id], clip_id)):
            yield clips[clip_id]


_Decoded = tuple[SourceClip, Audio | ClipError]


def _decoded(
    clips: Iterator[SourceClip], max_seconds: float, pool: ThreadPoolExecutor
) -> Generator[_Decoded, None, None]:
    """Yield decoded clips in order, with a bounded number of them decoded ahead."""
    ahead: deque[tuple[SourceClip, Future[Audio]]] = deque()
    try:
        for clip in clips:
            ahead.append((clip, pool.submit(decode, clip, max_seconds)))
            if len(ahead) >= CLIPS_AHEAD:
                yield _outcome(*ahead.popleft())
        while ahead:
            yield _outcome(*ahead.popleft())
    finally:
        for _, waiting in ahead:
            waiting.cancel()


def _outcome(clip: SourceClip, decoding: Future[Audio]) -> _Decoded:
    try:
        return clip, decoding.result()
    except ClipError as error:
        return clip, error


def _encode_shard(
    plan: ShardPlan, lease: Lease, stream: Iterator[_Decoded], stages: _Stages
) -> dict[str, ClipFeatures] | None:
    """Return the shard's features by clip id, or None when a stop leaves no time for it."""
    features: dict[str, ClipFeatures] = {}
    started = time.monotonic()
    done = 0

    def arriving() -> Iterator[tuple[tuple[SourceClip, Audio], int]]:
        for _ in plan.planned:
            with stages.meter.phase("wait_decode"):
                clip, audio = next(stream)
            if isinstance(audio, ClipError):
                _fail(clip, "decode", audio.reason, str(audio), stages)
            else:
                yield (clip, audio), len(audio.samples)

    for batch in batches(arriving(), stages.batch_seconds, stages.encoder.equal_lengths):
        for clip, audio, encoded in _encode(batch, stages):
            features |= _checked(clip, audio, encoded, stages)
        lease.renew()
        done += len(batch)
        stages.meter.add(len(batch), sum(len(audio.samples) for _, audio in batch) / SAMPLING_RATE)
        remaining = (time.monotonic() - started) / done * (len(plan.planned) - done)
        if not stages.stop.allows(remaining):
            return None
    return features


def _encode(
    batch: Sequence[tuple[SourceClip, Audio]], stages: _Stages
) -> Iterator[tuple[SourceClip, Audio, Encoded]]:
    """Encode a batch; should it fail as a whole, every clip gets its own chance."""
    try:
        with stages.meter.phase("encode"):
            encoded = stages.encoder.encode([audio.samples for _, audio in batch])
    except ClipError as error:
        if len(batch) == 1:
            _fail(batch[0][0], "encode", error.reason, str(error), stages)
            return
        for item in batch:
            yield from _encode([item], stages)
        return
    for (clip, audio), result in zip(batch, encoded, strict=True):
        yield clip, audio, result


def _checked(clip: SourceClip, audio: Audio, encoded: Encoded, stages: _Stages) -> dict[str, ClipFeatures]:
    """Return the clip's features cast to the stored dtypes, or list why they must not enter the cache."""
    features = _features(clip, audio, encoded)
    try:
        check_clip(features, stages.writer.fields)
    except InvalidValueError as error:
        if error.reason not in REASONS:
            raise
        _fail(clip, "encode", error.reason, str(error), stages)
        return {}
    dtypes = {frame_field.name: frame_field.dtype for frame_field in stages.writer.fields}
    cast = {name: values.astype(dtypes[name]) for name, values in features.frames.items()}
    return {clip.clip_id: replace(features, frames=cast)}


def _features(clip: SourceClip, audio: Audio, encoded: Encoded) -> ClipFeatures:
    status = clip.path.stat()
    samples = audio.samples.astype("<f4", copy=False)
    return ClipFeatures(
        clip_id=clip.clip_id,
        frames=encoded.frames,
        global_mean=encoded.global_mean,
        clip=encoded.clip,
        num_samples=len(samples),
        rms_db=audio.rms_db,
        audio_sha256=hashlib.sha256(samples.tobytes()).hexdigest(),
        source=clip.shown,
        source_bytes=status.st_size,
        source_mtime_ns=status.st_mtime_ns,
        start=clip.start,
        cut=audio.cut,
    )


def _commit(plan: ShardPlan, lease: Lease, features: Mapping[str, ClipFeatures], stages: _Stages) -> None:
    """Rows stand in the order of the ids, whatever order the encoder saw them in."""
    record = stages.writer.commit([features[clip_id] for clip_id in sorted(features)], plan)
    if record:
        stages.meter.committed(record)
    lease.release()


def _fail(clip: SourceClip, stage: str, reason: str, message: str, stages: _Stages) -> None:
    stages.writer.fail(Failure(clip.clip_id, clip.shown, stage, reason, message))
    stages.meter.add(1, 0.0)
