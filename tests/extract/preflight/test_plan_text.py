"""A plan in words and in JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cache.commit.failures import Failure
from extract.preflight.plan import Plan, SplitPlan
from extract.preflight.plan_text import MAX_LISTED, as_json, as_text


@pytest.fixture
def plan() -> Plan:
    failure = Failure("x", "x.wav", "source", "not_found", "no file")
    splits = {"train": SplitPlan(3, 7200.0, Counter({"wav/pcm_16, 16000 Hz, 1 channel": 3}))}
    return Plan(4, 1, 2, 2.0, 0.5, 0.25, splits, (failure,), ("splits differ",), {"m.csv": ("mood",)})


def test_a_plan_is_told_in_lines(plan) -> None:
    assert as_text(plan, Path("c")).splitlines() == [
        "4 clips, 2.00 h of sound",
        "  1 are in c already, 2 to extract: 0.50 h for the encoder, 0.250 GB to write",
        "  train: 3 clips, 2.00 h",
        "         3 wav/pcm_16, 16000 Hz, 1 channel",
        "  warning: splits differ",
        "  m.csv: columns not used: mood",
        "  1 have no file, or cannot be read as stated: not_found 1",
        "    x: not_found: no file",
    ]


def test_what_headers_leave_open_is_told(plan) -> None:
    text = as_text(replace(plan, unknown_lengths=2, several_tracks=1), Path("c"))
    assert "  2 clips: length unknown from the header, counted by what is there\n" in text
    assert (
        "  1 clip of files with several audio streams: the default one is taken, unless --audio-stream"
        in text
    )
    assert as_json(replace(plan, unknown_lengths=2))["unknown_lengths"] == 2


def test_a_long_list_is_cut_and_json_has_all(plan) -> None:
    many = replace(plan, failures=plan.failures * (MAX_LISTED + 1))
    assert as_text(many, Path("c")).endswith("    and 1 more (--json lists all)")
    document = as_json(many)
    assert len(document["failures"]) == MAX_LISTED + 1
    assert document["splits"]["train"]["seconds"] == 7200.0
