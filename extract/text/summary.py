"""What a run from transcripts to a cache did and could not do, as lines and as a document for machines."""

from __future__ import annotations

from typing import Any

from cache.common.console import in_one_line
from cache.common.words import clock, counted
from extract.run.summary import failure_lines
from extract.sources.file_names import readable
from extract.text.encode_text import TextSummary

SHOWN = 5  # ids named in a line


def as_json(summary: TextSummary) -> dict[str, Any]:
    """Return the summary ready for JSON."""
    failures = [vars(failure) for failure in summary.failures]
    return {**vars(summary), "out": readable(str(summary.out)), "failures": failures}


def as_text(summary: TextSummary) -> str:
    """Return the summary as lines for a terminal."""
    out = readable(str(summary.out))
    lines = [f"{out}: {summary.cached} of {counted(summary.clips, 'clip')} cached"]
    if summary.encoded:
        lines.append(f"  {summary.encoded} encoded now in {clock(summary.seconds)}")
    else:
        lines.append("  nothing to encode")
    if summary.no_speech:
        lines.append(f"  {len(summary.no_speech)} without text (no_speech): {_named(summary.no_speech)}")
    if summary.emptied:
        lines.append(
            f"  {len(summary.emptied)} of them {'is' if len(summary.emptied) == 1 else 'are'} cached with what "
            f"their transcript said before: {_named(summary.emptied)}; a new cache leaves them out"
        )
    if summary.updated:
        lines.append(f"  {summary.updated} encoded again, since the transcript has changed")
    if summary.touched:
        lines.append(
            f"  {counted(summary.touched, 'cached clip')} with another transcript than when encoded; --update "
            "encodes them again"
        )
    lines += [f"  {note}" for note in summary.notes]
    lines += failure_lines(summary.failures)
    if summary.stopped:
        lines.append("  stopped early; run the same command again to continue")
    return "\n".join(lines)


def _named(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(map(in_one_line, ids[:SHOWN])) + more
