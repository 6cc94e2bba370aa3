"""The cores of this process, not of the machine."""

from __future__ import annotations

import os

from cache.common.cores import available_cores


def test_a_share_of_the_cores_is_what_counts(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 5}, raising=False)
    assert available_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1
