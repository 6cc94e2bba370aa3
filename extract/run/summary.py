"""What a run did and what it could not do, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.commit.failures import Failure, read_failures
from cache.common.console import in_one_line
from cache.common.words import clock, counted
from cache.format import catalog
from cache.format.record import CommitRecord
from cache.writer import CacheWriter
from extract.audio.notes import note_lines
from extract.options import ExtractOptions
from extract.run.opening import first_rules_note, kept_store
from extract.run.progress import RunMeter
from extract.run.run_plan import RunPlan
from extract.run.seen import unchanged_clips
from extract.run.updates import SEGMENT
from extract.sources.file_names import readable
from extract.sources.no_media import NoMedia
from extract.sources.unknown_columns import unused_lines

MAX_LISTED = 20
PHASE_NAMES = {"wait_decode": "decoding", "encode": "the encoder", "wait_write": "writing"}


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        out: the cache.
        clips: of the source, or of the part and limit that were asked for.
        extracted: committed by this run.
        cached: clips of the source in the cache now, whoever put them there.
        cached_before: clips of the source that were committed before.
        updated: of those, clips that were extracted again since their sound had changed.
        touched: cached clips whose file or segment is another one than when they were extracted, and that were
            not found to sound the same since, nor extracted again.
        resegmented: of those, clips with another start, end, channel or path in the source.
        failures: clips of the source that are not in the cache, with reasons.
        failed_per_split: split → reason → count.
        hours: of sound, encoded by this run.
        seconds: wall clock of the run.
        phases: seconds the main loop spent in ``wait_decode``, ``encode``, ``wait_write``.
        stopped: whether a signal ended the run early.
        unused_columns: manifest → columns that nothing uses.
        notes: what else to know.
        no_media: files of the source's folders that are neither sound nor video.
        clip_notes: cached clip of the source → what is out of the ordinary in how it was read.
    """

    out: Path
    clips: int
    extracted: int
    cached: int
    cached_before: int
    updated: int
    touched: int
    resegmented: int
    failures: tuple[Failure, ...]
    failed_per_split: dict[str, dict[str, int]]
    hours: float
    seconds: float
    phases: dict[str, float]
    stopped: bool
    unused_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    no_media: NoMedia = field(default_factory=NoMedia)
    clip_notes: dict[str, dict[str, float | int | str]] = field(default_factory=dict)

    @property
    def bound(self) -> str:
        """The phase that the run mostly waited for."""
        return PHASE_NAMES[max(self.phases, key=lambda phase: self.phases[phase])]


def summarise(
    plan: RunPlan, writer: CacheWriter, options: ExtractOptions, meter: RunMeter, *, stopped: bool
) -> Summary:
    """Put the run's counts together; failures are those that still stand in the ledger."""
    out, clips = writer.path, plan.clips
    before = {clip_id for record in plan.records for clip_id in record.clip_ids}
    records = writer.records()
    now = {clip_id for record in records for clip_id in record.clip_ids}
    missing = {failure.clip_id for failure in plan.source.failures}
    taken = {clip_id for shard in plan.shards for clip_id in shard.planned}
    whole = options.part == (1, 1) and options.limit is None
    stale = set(plan.changed) - meter.clip_ids  # committed, but not what the source holds now
    failures = [f for f in read_failures(out, now - stale) if f.clip_id in taken | missing]
    unfinished = plan.cut_short or bool(taken - (now - stale) - {f.clip_id for f in failures})
    touched = plan.touched.keys() - unchanged_clips(clips, list(plan.touched), out) - meter.clip_ids
    return Summary(
        out=out,
        clips=len(clips) + len(missing) if whole else len(taken),
        extracted=len(meter.clip_ids),
        cached=len(now & clips.keys()),
        cached_before=len(before & clips.keys()),
        updated=len(meter.clip_ids & set(plan.changed)),
        touched=len(touched),
        resegmented=sum(plan.touched[clip_id] == SEGMENT for clip_id in touched),
        failures=tuple(failures),
        failed_per_split=_per_split(failures, plan.source.splits),
        hours=meter.seconds_of_sound / 3600,
        seconds=meter.seconds,
        phases=dict(meter.phases),
        stopped=stopped and unfinished,
        unused_columns=plan.source.unused,
        notes=(*kept_store(writer, options), *first_rules_note(options), *meter.notes),
        no_media=plan.source.no_media,
        clip_notes=_clip_notes(records, clips),
    )


def _clip_notes(
    records: Sequence[CommitRecord], clips: Collection[str]
) -> dict[str, dict[str, float | int | str]]:
    """Return what the records say of clips, each in the shard that counts."""
    noted = {record.name: notes for record in records if (notes := record.content.notes)}
    if not noted:
        return {}
    return {
        clip_id: noted[record.name][clip_id]
        for clip_id, record in catalog.effective(records).items()
        if clip_id in clips and clip_id in noted.get(record.name, ())
    }


def _per_split(failures: Iterable[Failure], splits: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return split → reason → count."""
    counts: dict[str, Counter[str]] = {}
    for failure in failures:
        counts.setdefault(splits.get(failure.clip_id, "") or "all", Counter())[failure.reason] += 1
    return {split: dict(count) for split, count in counts.items()}


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary ready for JSON."""
    failures = [vars(failure) for failure in summary.failures]
    said = {"out": readable(str(summary.out)), "bound": summary.bound, "no_media": summary.no_media.as_json()}
    return {**vars(summary), **said, "failures": failures}


def as_text(summary: Summary) -> str:
    """Return the summary as lines for a terminal."""
    out = readable(str(summary.out))
    lines = [f"{out}: {summary.cached} of {counted(summary.clips, 'clip')} cached"]
    if summary.extracted:
        speed = summary.hours * 3600 / max(1e-6, summary.seconds)
        lines.append(
            f"  {summary.extracted} extracted now: {summary.hours:.2f} h of sound in {clock(summary.seconds)} "
            f"({speed:.0f} × real time, bound by {summary.bound})"
        )
    else:
        lines.append(f"  nothing to extract: {counted(summary.cached_before, 'clip')} cached before")
    if summary.cached_before and summary.extracted:
        lines.append(f"  {summary.cached_before - summary.updated} cached before and not touched")
    if summary.updated:
        lines.append(f"  {summary.updated} extracted again, since the sound has changed")
    else:
        lines += _touched_lines(summary)
    notes = [*summary.no_media.lines(), *summary.notes]
    lines += [*unused_lines(summary.unused_columns), *(f"  {note}" for note in notes)]
    lines += note_lines(summary.clip_notes)
    lines += _failure_lines(summary)
    if summary.stopped:
        lines.append("  stopped early; run the same command again to continue")
    return "\n".join(lines)


def _touched_lines(summary: Summary) -> list[str]:
    kinds = {
        "with another segment, channel or file than when extracted": summary.resegmented,
        "from files whose size or time has changed since": summary.touched - summary.resegmented,
    }
    return [
        f"  {counted(count, 'cached clip')} {kind}; --update compares their sound"
        for kind, count in kinds.items()
        if count
    ]


def failure_lines(failures: Iterable[Failure], ledger: str = "") -> list[str]:
    """Return the lines that list what failed.

    Args:
        failures: all of them.
        ledger: where those that are too many to be shown stand, if anywhere.
    """
    failures = list(failures)
    if not failures:
        return []
    lines = [f"  {len(failures)} failed; each is tried again on the next run:"]
    lines += [f"    {in_one_line(f'{f.clip_id}: {f.reason}: {f.message}')}" for f in failures[:MAX_LISTED]]
    if len(failures) > MAX_LISTED:
        lines.append(f"    and {len(failures) - MAX_LISTED} more{f' in {ledger}' if ledger else ''}")
    return lines


def _failure_lines(summary: Summary) -> list[str]:
    lines = failure_lines(summary.failures, f"{readable(str(summary.out))}/failures/")
    for split, reasons in summary.failed_per_split.items():
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        lines.append(f"  failed in {split}: {counts}")
    return lines
