"""A plan in words for a terminal, and in JSON for machines."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cache.common.words import counted
from extract.preflight.plan import Plan
from extract.sources.file_names import readable
from extract.sources.unknown_columns import unused_lines

MAX_LISTED = 20


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan ready for JSON."""
    splits = {name: vars(split) for name, split in plan.splits.items()}
    failures = [vars(failure) for failure in plan.failures]
    return {**vars(plan), "splits": splits, "failures": failures, "no_media": plan.no_media.as_json()}


def as_text(plan: Plan, out: Path) -> str:
    """Return the plan as lines for a terminal."""
    lines = [
        f"{counted(plan.clips, 'clip')}, {plan.hours:.2f} h of sound",
        f"  {plan.cached} are in {readable(str(out))} already, {plan.to_do} to extract: "
        f"{plan.hours_to_do:.2f} h for the encoder, {plan.gigabytes:.3f} GB to write",
    ]
    for name, split in plan.splits.items():
        lines.append(f"  {name}: {counted(split.clips, 'clip')}, {split.seconds / 3600:.2f} h")
        lines += [f"    {count:6} {shape}" for shape, count in split.formats.most_common()]
    lines += _header_lines(plan)
    lines += [f"  warning: {warning}" for warning in plan.warnings]
    lines += [*unused_lines(plan.unused_columns), *(f"  {line}" for line in plan.no_media.lines())]
    if plan.failures:
        counts = Counter(failure.reason for failure in plan.failures)
        said = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
        lines.append(f"  {len(plan.failures)} have no file, or cannot be read as stated: {said}")
        lines += [f"    {f.clip_id}: {f.reason}: {f.message}" for f in plan.failures[:MAX_LISTED]]
        if len(plan.failures) > MAX_LISTED:
            lines.append(f"    and {len(plan.failures) - MAX_LISTED} more (--json lists all)")
    return "\n".join(lines)


def _header_lines(plan: Plan) -> list[str]:
    """Say what the headers leave open."""
    lines = []
    if plan.unknown_lengths:
        lines.append(
            f"  {counted(plan.unknown_lengths, 'clip')}: length unknown from the header, counted by what is there"
        )
    if plan.several_tracks:
        lines.append(
            f"  {counted(plan.several_tracks, 'clip')} of files with several audio streams: the default one is "
            "taken, unless --audio-stream or a column 'audio_stream' chooses"
        )
    return lines
