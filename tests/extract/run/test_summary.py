"""What a run says at its end: counts, kinds of failures, and what to do about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cache.commit.failures import Failure
from extract.run.extract import extract
from extract.run.summary import MAX_LISTED, Summary, as_json, as_text

PHASES = {"wait_decode": 3.0, "encode": 1.0, "wait_write": 2.0}


@pytest.fixture
def summary() -> Summary:
    """Of a run of 12 clips that had 2 before and extracted 8."""
    failure = Failure("a", "a.wav", "decode", "unreadable", "no decoder reads it")
    return Summary(
        Path("c"), 12, 8, 10, 2, 0, 0, 0, (failure,), {"train": {"unreadable": 1}}, 0.5, 90.0, PHASES, False
    )


def test_a_summary_says_how_much_how_fast_and_what_it_waited_for(summary) -> None:
    assert as_text(summary).splitlines() == [
        "c: 10 of 12 clips cached",
        "  8 extracted now: 0.50 h of sound in 1:30 (20 × real time, bound by decoding)",
        "  2 cached before and not touched",
        "  1 failed; each is tried again on the next run:",
        "    a: unreadable: no decoder reads it",
        "  failed in train: unreadable 1",
    ]


def test_what_was_touched_updated_or_stopped_has_its_line(summary) -> None:
    touched = as_text(replace(summary, extracted=0, touched=3, resegmented=1, stopped=True, failures=()))
    assert "  nothing to extract: 2 clips cached before" in touched
    assert "1 cached clip with another segment, channel or file than when extracted; --update" in touched
    assert "2 cached clips from files whose size or time has changed since; --update" in touched
    assert touched.endswith("  stopped early; run the same command again to continue")
    updated = as_text(replace(summary, updated=1, touched=1))
    assert "1 extracted again, since the sound has changed" in updated
    assert "--update" not in updated


def test_a_long_list_of_failures_is_cut_and_json_has_all(summary) -> None:
    many = replace(summary, failures=summary.failures * (MAX_LISTED + 5))
    assert "    and 5 more in c/failures/" in as_text(many)
    document = as_json(many)
    assert len(document["failures"]) == MAX_LISTED + 5
    assert (document["bound"], document["out"]) == ("decoding", "c")


def test_failures_are_counted_per_split(mixed, options) -> None:
    rows = (mixed / "ids.csv").read_text().replace("bad_gone,train", "bad_gone,test")
    (mixed / "ids.csv").write_text(rows)
    summary = extract(mixed / "ids.csv", mixed / "c", replace(options, media=(mixed / "mixed",)))
    assert summary.failed_per_split["test"] == {"not_found": 1}
    assert sum(summary.failed_per_split["train"].values()) == 5
