"""What Whisper hears of a clip: its frames and some silence, never more than 30 s, long clips in windows."""

from __future__ import annotations

from extract.encoders.whisper.context import POSITIONS, parts, positions


def test_silence_follows_up_to_30_s() -> None:
    assert positions(100, 0.5) == 125
    assert positions(100, 0.0) == 100
    assert positions(100, 30.0) == positions(1490, 0.5) == positions(1500, 30.0) == POSITIONS


def test_parts_tile_a_long_clip() -> None:
    kept = [range(seen.start + part.start, seen.start + part.stop) for seen, part in parts(4_321)]
    assert [frame for frames in kept for frame in frames] == list(range(4_321))
    assert len(list(parts(POSITIONS))) == 1
