"""The summary as lines: what stands out is counted, what comes from others is escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cache.commit.failures import Failure
from extract.run.summary import failure_lines
from extract.transcripts.asr.summary import as_json, as_text
from extract.transcripts.asr.transcribe import TranscribeSummary

SUMMARY = TranscribeSummary(
    Path("t.csv"), 10, 4, 5, ("a", "b"), 1, 2, (Failure("x\x1b", "x", "decode", "damaged", "why"),), 0.5, 60.0, True
)  # fmt: skip


def test_every_count_has_its_line() -> None:
    text = as_text(SUMMARY)
    for part in ("9 of 10 clips", "4 transcribed now: 0.50 h", "30.0 × real time", "2 clips, as far as heard",
                 "1 mended row", "2 clips of files that have changed", "t.words.csv", "1 failed",
                 "\\u001b: damaged: why", "stopped early"):  # fmt: skip
        assert part in text
    none = replace(SUMMARY, heard=0)
    assert ("nothing to" in as_text(none), "nothing to" in as_text(replace(none, stopped=False))) == (
        False,
        True,
    )
    assert as_json(SUMMARY)["failures"][0]["reason"] == "damaged"


def test_a_long_list_of_failures_is_cut() -> None:
    failures = [Failure(str(n), "", "decode", "damaged", "") for n in range(30)]
    assert failure_lines(failures)[-1].strip() == "and 10 more"
    assert failure_lines([]) == []
