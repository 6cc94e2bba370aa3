"""The GPU stage on one screen: sources → audio → encoder → writer, decoding and writing beside the encoder."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import tee
from pathlib import Path
from typing import Any

from cache.commit.failures import Failure
from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from cache.common.console import Progress
from cache.common.durable import check_writable
from cache.format import catalog
from cache.format.schema import SAMPLING_RATE
from cache.shards.arrays import ClipFeatures
from cache.writer import CacheWriter
from extract.audio.decode import Audio
from extract.audio.decode_ahead import Decoded, decoded
from extract.encoders import device_names, load_encoder
from extract.encoders.base import Encoded, Encoder
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.batches import batches
from extract.run.finishing import finish
from extract.run.opening import open_writer, with_cached_precision
from extract.run.progress import RunMeter
from extract.run.shard_plan import planned_frames, selected
from extract.run.stopping import Stopped, StopRequest
from extract.run.summary import Outcome, Summary, summarise
from extract.run.updates import changed_clips, touched_clips
from extract.sources.clips import Source, SourceClip
from extract.sources.find import find_all

POLL_SECONDS = 0.5  # between two looks at shards that other writers hold


def extract(
    source: Path | str | Sequence[Path | str],
    out: Path | str,
    options: ExtractOptions | None = None,
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Extract every clip of ``source`` that the cache ``out`` does not hold yet.

    Args:
        source: folder, manifest, or table of ids; or several of them.
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
    sources = [Path(source)] if isinstance(source, str | Path) else [Path(part) for part in source]
    found = find_all(sources, options.media)
    check_writable(out)
    options = with_cached_precision(options, out)
    devices = device_names(options.encoder) if encoder is None else [options.encoder.device]
    encoder = encoder or load_encoder(replace(options.encoder, device=devices[0]))
    writer = open_writer(out, options, encoder)
    with (
        StopRequest(options.grace, options.max_minutes) as stop,
        RunMeter(progress, options.log_file) as meter,
    ):
        meter.log(
            f"extract {', '.join(map(str, sources))} into {out}: {len(found.clips)} clips on {', '.join(devices)}"
        )
        outcome = _planned(found, out, Stages(encoder, writer, options, stop, meter))
        for failure in found.failures:
            fail(failure, outcome.stages)
        run_on(devices, outcome.plans, {clip.clip_id: clip for clip in found.clips}, outcome.stages)
        summary = summarise(outcome, writer.path, meter)
        meter.log(f"stopped: {summary.stopped}, {len(summary.failures)} failed")
    return summary


@dataclass
class Stages:
    """What the loop needs in every step."""

    encoder: Encoder
    writer: CacheWriter
    options: ExtractOptions
    stop: StopRequest
    meter: RunMeter

    def batch_seconds(self) -> float:
        """Padded seconds a batch may have now [s]."""
        chosen = self.options.batch_seconds
        suits = self.encoder.batch_seconds if chosen is None else chosen
        return min(suits, self.encoder.memory_seconds)


def _planned(found: Source, out: Path, stages: Stages) -> Outcome:
    """Say what is to be done; a stop while planning leaves nothing to be done."""
    clips = {clip.clip_id: clip for clip in found.clips}
    records, options, meter = catalog.read_records(out), stages.options, stages.meter

    def told(done: int, total: int) -> None:
        meter.planning(done, total)
        stages.stop.check()

    plans: list[ShardPlan] = []
    changed: list[str] = []
    touched = touched_clips(clips, records, out, options.max_seconds)
    cut_short = False
    try:
        before = [*records, *catalog.read_set_aside(out)]
        frames = planned_frames(clips, before, stages.encoder, options, told)
        if options.update and touched:
            changed = changed_clips(clips, list(touched), out, options, told)
        plans = selected(stages.writer.plan(frames, replace=changed), options)
    except Stopped:
        cut_short = True
    meter.start(sum(len(plan.planned) for plan in plans))
    return Outcome(found, records, plans, stages, touched, tuple(changed), cut_short)


def run_on(
    devices: Sequence[str], plans: Sequence[ShardPlan], clips: Mapping[str, SourceClip], stages: Stages
) -> None:
    """Do the shards on every device at once: the first one here, each other one in a process of its own."""
    if len(devices) == 1 or not plans:
        run_shards(plans, clips, stages)
        return
    from extract.run.workers import Helpers

    with Helpers(devices, plans, clips, stages):
        run_shards(plans, clips, stages)


_Claim = tuple[ShardPlan, Lease]


def run_shards(plans: Sequence[ShardPlan], clips: Mapping[str, SourceClip], stages: Stages) -> None:
    """Do every shard that no other writer holds; then see to those that others held and did not finish."""
    while plans and not stages.stop.requested:
        held: list[ShardPlan] = []
        _run_round(_claimed(plans, held, stages), clips, stages)
        plans = [plan for plan in held if not stages.writer.is_committed(plan)]
        if len(plans) == len(held) and plans:
            with stages.meter.phase("wait_write"):
                time.sleep(POLL_SECONDS)


def _claimed(plans: Sequence[ShardPlan], held: list[ShardPlan], stages: Stages) -> Iterator[_Claim]:
    """Yield the shards that are ours now, with their leases; put those that others hold into ``held``."""
    for plan in plans:
        lease = stages.writer.lease(plan)
        if lease is None:
            held.append(plan)
        elif stages.writer.is_committed(plan):
            lease.release()
        else:
            yield plan, lease


def _run_round(claims: Iterator[_Claim], clips: Mapping[str, SourceClip], stages: Stages) -> None:
    """The one visible loop: a shard is decoded ahead, encoded here, checked and written behind."""
    taken: list[Lease] = []
    noted = _noted(claims, taken)
    ahead, here = tee(noted)
    with (
        ThreadPoolExecutor(stages.options.workers, "decode") as decoders,
        ThreadPoolExecutor(2, "finish") as finishers,
        ThreadPoolExecutor(1, "write") as writers,
    ):
        stream = decoded((plan for plan, _ in ahead), clips, stages.options.max_seconds, decoders)
        writing: Future[Any] | None = None
        try:
            for plan, lease in here:
                shard = _encode_shard(_Shard(plan, lease), stream, finishers, stages)
                if shard is None:
                    break
                with stages.meter.phase("wait_write"):
                    if writing:
                        writing.result()
                writing = writers.submit(_commit, shard, stages)
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


@dataclass
class _Shard:
    """A shard under way, with what came of its clips so far."""

    plan: ShardPlan
    lease: Lease
    finished: list[Future[ClipFeatures | Failure]] = field(default_factory=list)


def _encode_shard(
    shard: _Shard, stream: Iterator[Decoded], finishers: ThreadPoolExecutor, stages: Stages
) -> _Shard | None:
    """Encode the shard's clips, or return None when a stop leaves no time for it."""
    started, done, total = time.monotonic(), 0, len(shard.plan.planned)

    def arriving() -> Iterator[tuple[tuple[SourceClip, Audio], int]]:
        for _ in range(total):
            with stages.meter.phase("wait_decode"):
                clip, audio = next(stream)
            if isinstance(audio, ClipError):
                fail(Failure(clip.clip_id, clip.shown, "decode", audio.reason, str(audio)), stages)
                stages.meter.add(1, 0.0)
            else:
                yield (clip, audio), len(audio.samples)

    for batch in batches(arriving(), stages.batch_seconds, stages.encoder.equal_lengths):
        for clip, audio, encoded in _encode(batch, stages):
            shard.finished.append(finishers.submit(finish, clip, audio, encoded, stages.writer.fields))
        shard.lease.renew()
        done += len(batch)
        stages.meter.add(len(batch), sum(len(audio.samples) for _, audio in batch) / SAMPLING_RATE)
        if not stages.stop.allows((time.monotonic() - started) / done * (total - done)):
            return None
    return shard


def _encode(
    batch: Sequence[tuple[SourceClip, Audio]], stages: Stages
) -> Iterator[tuple[SourceClip, Audio, Encoded]]:
    """Encode a batch; should it fail as a whole, every clip gets its own chance."""
    try:
        with stages.meter.phase("encode"):
            encoded = stages.encoder.encode([audio.samples for _, audio in batch])
    except ClipError as error:
        if len(batch) == 1:
            clip = batch[0][0]
            fail(Failure(clip.clip_id, clip.shown, "encode", error.reason, str(error)), stages)
            return
        for item in batch:
            yield from _encode([item], stages)
        return
    for (clip, audio), result in zip(batch, encoded, strict=True):
        yield clip, audio, result


def _commit(shard: _Shard, stages: Stages) -> None:
    """Rows stand in the order of the ids, whatever order the encoder saw them in."""
    results = [future.result() for future in shard.finished]
    shard.finished.clear()
    for failure in results:
        if isinstance(failure, Failure):
            fail(failure, stages)
    clips = sorted((r for r in results if isinstance(r, ClipFeatures)), key=lambda clip: clip.clip_id)
    record = stages.writer.commit(clips, shard.plan)
    if record:
        stages.meter.committed(record)
    shard.lease.release()


def fail(failure: Failure, stages: Stages) -> None:
    """List a clip that could not be cached."""
    stages.writer.fail(failure)
    stages.meter.log(f"failed {failure.clip_id}: {failure.reason}: {failure.message}")
