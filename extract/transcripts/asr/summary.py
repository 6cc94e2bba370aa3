"""What a run of transcribing did and could not do, as lines for people and as a document for machines."""

from __future__ import annotations

from typing import Any

from cache.common.words import clock, counted
from extract.run.summary import failure_lines
from extract.sources.file_names import readable
from extract.transcripts.asr.transcribe import TranscribeSummary
from extract.transcripts.table import words_path


def as_json(summary: TranscribeSummary) -> dict[str, Any]:
    """Return the summary ready for JSON."""
    failures = [vars(failure) for failure in summary.failures]
    return {**vars(summary), "out": readable(str(summary.out)), "failures": failures}


def as_text(summary: TranscribeSummary) -> str:
    """Return the summary as lines for a terminal."""
    out = readable(str(summary.out))
    rows = summary.before + summary.heard
    lines = [f"{out}: {min(rows, summary.clips)} of {counted(summary.clips, 'clip')} transcribed"]
    if summary.heard:
        speed = summary.hours * 3600 / max(1e-6, summary.seconds)
        lines.append(
            f"  {summary.heard} transcribed now: {summary.hours:.2f} h of sound in {clock(summary.seconds)} "
            f"({speed:.1f} × real time)"
        )
    elif not summary.stopped:
        lines.append(f"  nothing to transcribe: {counted(summary.before, 'clip')} transcribed before")
    if summary.no_speech:
        lines.append(
            f"  no_speech: nobody says a word in {counted(len(summary.no_speech), 'clip')}, as far as heard"
        )
    if summary.mended:
        lines.append(f"  {counted(summary.mended, 'mended row')} kept as mended")
    if summary.touched:
        lines.append(
            f"  {counted(summary.touched, 'clip')} of files that have changed since; --update compares the sound"
        )
    lines.append(f"  words with their times: {readable(str(words_path(summary.out)))}")
    lines += [f"  {note}" for note in summary.notes]
    lines += failure_lines(summary.failures)
    if summary.stopped:
        lines.append("  stopped early; run the same command again to continue")
    return "\n".join(lines)
