"""A clip keeps what belongs to it, whatever blocks its file is decoded in."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from extract.audio.cut import MARGIN, Cut
from extract.errors import ClipError

RATE = 16_000
SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (10 * RATE, 2)).astype(np.float32)
DECODER = SimpleNamespace(
    sampling_rate=RATE, promised=10.0, channels=2, start=0.0, tracks=1, track=0, changes=0
)


@pytest.mark.parametrize("block", [700, RATE, 10 * RATE])
@pytest.mark.parametrize(("start", "end"), [(0.0, None), (1.23, 4.56), (9.0, None)])
def test_blocks_of_any_size_give_the_same_clip(tmp_path, clip, block, start, end) -> None:
    cut = Cut(clip(tmp_path / "x.wav", start=start, end=end, channel=1), DECODER, 2.0)
    position = 0
    while position < len(SOUND) and cut.take(SOUND[position : position + block], position):
        position += block
    audio = cut.finish(2.0, None, (7, 8))
    first, stop = round(start * RATE), round((end or 10.0) * RATE)
    np.testing.assert_array_equal(audio.samples, SOUND[first : min(stop, first + 2 * RATE), 1])
    assert audio.cut == (stop - first > 2 * RATE)
    assert (audio.source_bytes, audio.source_mtime_ns) == (7, 8)
    assert position <= first + (2.0 + MARGIN) * RATE, "nothing is decoded that nobody asked for"


def test_what_stopped_the_decoding_counts_only_where_more_was_wanted(tmp_path, clip) -> None:
    damage = ClipError("damaged", "decoding stops")
    early, late = (Cut(clip(tmp_path / "x.wav", start=s, end=s + 1), DECODER, 12.0) for s in (0.0, 5.0))
    for cut in (early, late):
        cut.take(SOUND[: 2 * RATE], 0)
    assert len(early.finish(12.0, damage, (0, 0)).samples) == RATE
    assert late.finish(12.0, damage, (0, 0)) is damage


def test_a_file_that_holds_less_than_it_promises_is_damaged(tmp_path, clip) -> None:
    cut = Cut(clip(tmp_path / "x.wav"), DECODER, 0.0)
    cut.take(SOUND[: 9 * RATE], 0)
    error = cut.finish(0.0, None, (0, 0))
    assert (error.reason, str(error)) == ("damaged", "promises 10.00 s of sound, 9.00 s decode")
