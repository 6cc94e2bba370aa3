"""Large sources are imported in little memory; a small version of tests/bench/bench_import.py."""

from __future__ import annotations

import sys

import pytest

from cache import CacheReader, verify

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux's")
CLIPS, FRAMES, WIDTH = 600, 346, 768  # 319 MB


@pytest.mark.parametrize("layout", ["npy", "pickle"])
def test_memory_is_that_of_a_few_shards_whatever_the_source(bench, tmp_path, layout) -> None:
    kit = bench("bench_import")
    source = kit.make(tmp_path / "source", layout, CLIPS, FRAMES, WIDTH)
    few = kit.make(tmp_path / "few", layout, CLIPS // 3, FRAMES, WIDTH)
    _, small = kit.run_import(few, tmp_path / "small")
    _, large = kit.run_import(source, tmp_path / "large")
    assert large < small + 60  # MB, though the source is 212 MB larger
    with CacheReader(tmp_path / "large") as reader:
        assert len(reader) == CLIPS
        assert float(reader["00577"].frames["features"][0, 0]) == 577
    assert verify(tmp_path / "large").findings == ()
