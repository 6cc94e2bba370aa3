"""SIGKILL over both commands: a small part of the long loop in tests/bench."""

from __future__ import annotations

import random


def test_nothing_is_lost_or_twice(bench, tmp_path) -> None:
    report = bench("kill_transcripts").torment(tmp_path, clips=6, kills=2, rng=random.Random(1))
    assert report["problems"] == []
    assert report["left_over_files"] == []
