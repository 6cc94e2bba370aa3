"""The summary as lines: what stands out is counted, ids are named and escaped."""

from __future__ import annotations

from pathlib import Path

from cache.commit.failures import Failure
from extract.text.encode_text import TextSummary
from extract.text.summary import as_json, as_text

SUMMARY = TextSummary(
    Path("c"), 20, 4, 9, tuple("abcdefg\x1b"), ("a",), 2, 3,
    (Failure("x", "x", "encode", "overflow", "why"),), 60.0, True,
)  # fmt: skip


def test_every_count_has_its_line() -> None:
    text = as_text(SUMMARY)
    for part in ("9 of 20 clips", "4 encoded now in 1:00", "8 without text (no_speech): a, b, c, d, e and 3 more",
                 "1 of them is cached", "2 encoded again", "3 cached clips with another transcript",
                 "x: overflow: why", "stopped early"):  # fmt: skip
        assert part in text
    assert as_json(SUMMARY)["no_speech"][-1] == "\x1b"
