"""What a run starts from: the clips, what is committed already, and the shards it is to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.commit.partition import ShardPlan
from cache.common.progress import OnProgress
from cache.format import catalog
from cache.format.record import CommitRecord
from cache.writer import CacheWriter
from extract.audio.clip_length import used_samples
from extract.audio.header_log import HeaderLog
from extract.encoders.base import EncoderDescription
from extract.options import ExtractOptions
from extract.run.stopping import Stopped
from extract.run.updates import changed_clips, touched_clips
from extract.sources.clips import Source, SourceClip


@dataclass(frozen=True)
class RunPlan:
    """What a run starts from.

    Attributes:
        source: its clips.
        records: of the shards that were committed before.
        shards: to be done.
        touched: committed clips that the source now describes otherwise → why; see ``touched_clips``.
        changed: of them, those that sound different now and are to be extracted again.
        cut_short: whether a stop ended the planning, so that there are no shards to do.
    """

    source: Source
    records: Sequence[CommitRecord]
    shards: Sequence[ShardPlan] = ()
    touched: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    cut_short: bool = False

    @property
    def clips(self) -> dict[str, SourceClip]:
        """The source's clips that have a file, by id."""
        return {clip.clip_id: clip for clip in self.source.clips}

    @property
    def num_clips(self) -> int:
        """How many clips are to be done."""
        return sum(len(shard.planned) for shard in self.shards)


def plan_run(
    source: Source,
    encoder: EncoderDescription,
    writer: CacheWriter,
    options: ExtractOptions,
    on_progress: OnProgress,
) -> RunPlan:
    """Find out what is to be done; no encoder is loaded.

    Args:
        source: its clips.
        encoder: says how many frames a clip will have.
        writer: of the cache.
        options: of the run.
        on_progress: called while headers are read and sounds compared; it may raise ``Stopped``.
    """
    clips = {clip.clip_id: clip for clip in source.clips}
    records = writer.records()
    touched = touched_clips(clips, records, writer.path, options)
    changed: list[str] = []
    try:
        before = [*records, *catalog.read_set_aside(writer.path)]
        frames = planned_frames(clips, before, encoder, options, on_progress, writer.path)
        if options.update and touched:
            changed = changed_clips(clips, list(touched), writer.path, options, on_progress)
        shards = selected(writer.plan(frames, replace=changed), options)
    except Stopped:
        return RunPlan(source, records, (), touched, tuple(changed), cut_short=True)
    return RunPlan(source, records, shards, touched, tuple(changed))


def planned_frames(
    clips: Mapping[str, SourceClip],
    records: Sequence[CommitRecord],
    encoder: EncoderDescription,
    options: ExtractOptions,
    on_progress: OnProgress,
    out: Path,
) -> dict[str, int]:
    """Return clip id → expected frames: as planned at first where it was, else from the header.

    What a replacement says does not count: the partition must stay what it was.
    """
    known = known_frames(records)
    new = [clip.sound for clip_id, clip in clips.items() if clip_id not in known]
    headers = HeaderLog(out, options.rules).read_headers(new, options.workers, on_progress)
    return {
        clip_id: known[clip_id]
        if clip_id in known
        else encoder.num_frames(used_samples(clip, headers[clip.sound], options.max_seconds))
        for clip_id, clip in clips.items()
    }


def known_frames(records: Sequence[CommitRecord]) -> dict[str, int]:
    """Return clip id → expected frames as they were planned at first."""
    first_last = sorted(records, key=lambda record: -record.content.generation)
    return {clip_id: frames for record in first_last for clip_id, frames in record.content.planned.items()}


def selected(shards: Sequence[ShardPlan], options: ExtractOptions) -> list[ShardPlan]:
    """Take this part's shards; every part agrees whose they are, however far the others are."""
    index, count = options.part
    mine = [shard for shard in shards if shard.turn % count == index - 1]
    if options.limit is None:
        return mine
    taken: list[ShardPlan] = []
    while len(taken) < len(mine) and sum(len(shard.planned) for shard in taken) < options.limit:
        taken.append(mine[len(taken)])
    return taken
