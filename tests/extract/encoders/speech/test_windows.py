"""Windows over a long clip: the kept frames tile it, and each has its context."""

from __future__ import annotations

import pytest

from extract.encoders.speech.windows import windows


@pytest.mark.parametrize("frames", [1, 99, 100, 101, 140, 161, 555])
def test_kept_frames_tile_the_clip(frames) -> None:
    covered: list[int] = []
    for seen, kept in windows(frames, 100, 20):
        assert seen.stop - seen.start <= 100
        assert kept.start >= (20 if seen.start else 0)
        assert seen.stop == frames or kept.stop == 80
        covered += range(seen.start + kept.start, seen.start + kept.stop)
    assert covered == list(range(frames))
