"""A finding as one line."""

from __future__ import annotations

from cache.tools.finding import Finding


def test_a_finding_says_where_and_what() -> None:
    assert str(Finding("x.h5", "missing")) == "x.h5: missing"
    assert str(Finding("x.h5", "wrong", "a", "frames/vad")) == "x.h5: clip a, frames/vad: wrong"
