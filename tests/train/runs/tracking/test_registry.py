"""Every tracker is registered with the libraries that it needs."""

from __future__ import annotations

from train.runs.tracking.registry import LIBRARIES, TRACKERS


def test_each_has_its_libraries_and_an_extra_of_its_name(root):
    assert set(LIBRARIES) == set(TRACKERS)
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{name} = [" in text for name in TRACKERS)
