"""What a run of clips → extract → cache is to do: expected lengths, this part's shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cache.commit.partition import ShardPlan
from cache.format.record import CommitRecord
from cache.format.schema import SAMPLING_RATE
from extract.audio.decode import clip_seconds
from extract.audio.headers import Header, Told, read_headers
from extract.encoders.base import Encoder
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.sources.clips import SourceClip


def used_samples(clip: SourceClip, header: Header | ClipError, max_seconds: float) -> int:
    """Return the samples at 16 kHz a clip will give, from its header alone; 0 when that does not say."""
    seconds = 0.0 if isinstance(header, ClipError) else clip_seconds(clip, header)
    return round((min(seconds, max_seconds) if max_seconds else seconds) * SAMPLING_RATE)


def planned_frames(
    clips: Mapping[str, SourceClip],
    records: Sequence[CommitRecord],
    encoder: Encoder,
    options: ExtractOptions,
    told: Told,
) -> dict[str, int]:
    """Return clip id → expected frames: as planned at first where it was, else from the header.

    What a replacement says does not count: the partition must stay what it was.
    """
    first_last = sorted(records, key=lambda record: -record.content.generation)
    known = {clip_id: frames for record in first_last for clip_id, frames in record.content.planned.items()}
    new = [clip.path for clip_id, clip in clips.items() if clip_id not in known]
    headers = read_headers(new, options.workers, told)
    return {
        clip_id: known[clip_id]
        if clip_id in known
        else encoder.num_frames(used_samples(clip, headers[clip.path], options.max_seconds))
        for clip_id, clip in clips.items()
    }


def selected(plans: Sequence[ShardPlan], options: ExtractOptions) -> list[ShardPlan]:
    """Take this part's shards; every part agrees whose they are, however far the others are."""
    index, count = options.part
    mine = [plan for plan in plans if plan.turn % count == index - 1]
    if options.limit is None:
        return mine
    taken: list[ShardPlan] = []
    while len(taken) < len(mine) and sum(len(plan.planned) for plan in taken) < options.limit:
        taken.append(mine[len(taken)])
    return taken
