"""A clip keeps what belongs to it, whatever blocks its file is decoded in."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from extract.audio.cut import MARGIN, Cut
from extract.audio.decoders.sound_file import Gap
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


def test_silence_before_the_sound_and_in_its_gaps_fills_the_segment(tmp_path, clip) -> None:
    """Sound from 2 s on, of which the third second is missing; the segment 1.5 to 6 s."""
    late = SimpleNamespace(**{**vars(DECODER), "start": 2.0, "promised": None})
    cut = Cut(clip(tmp_path / "x.mkv", start=1.5, end=6.0, channel=0), late, 12.0)
    assert (cut.first, cut.stop) == (0, 4 * RATE)
    cut.take(SOUND[: 2 * RATE], 0)
    cut.take(Gap(RATE), 2 * RATE)
    assert not cut.take(SOUND[2 * RATE :], 3 * RATE)
    audio = cut.finish(12.0, None, (0, 0))
    parts = np.zeros(RATE // 2), SOUND[: 2 * RATE, 0], np.zeros(RATE), SOUND[2 * RATE : 3 * RATE, 0]
    np.testing.assert_array_equal(audio.samples, np.concatenate(parts).astype(np.float32))
    assert audio.notes == {"sound_start": 2.0, "filled_seconds": 1.5}


def test_a_clip_in_a_gap_has_no_sound(tmp_path, clip) -> None:
    cut = Cut(clip(tmp_path / "x.mkv", start=2.0, end=3.0, channel=0), DECODER, 12.0)
    cut.take(Gap(5 * RATE), 0)
    error = cut.finish(12.0, None, (0, 0))
    assert (error.reason, str(error)) == ("no_sound", "segment 2-3 s, the file has no sound there")


def test_where_a_file_promises_nothing_its_end_decides(tmp_path, clip) -> None:
    """Ten seconds decode of a file that says no length."""
    silent_on_it = SimpleNamespace(**{**vars(DECODER), "promised": None})
    expected = {
        (9.0, 10.1): RATE,
        (9.0, 12.0): "the file ends at 10.00 s",
        (11.0, 12.0): "the file ends before",
    }
    for (start, end), outcome in expected.items():
        cut = Cut(clip(tmp_path / "x.aac", start=start, end=end, channel=0), silent_on_it, 12.0)
        assert cut.take(SOUND, 0), "more is wanted than there is"
        result = cut.finish(12.0, None, (0, 0))
        if isinstance(outcome, int):
            assert len(result.samples) == outcome
        else:
            assert (result.reason, str(result)) == ("bad_segment", f"segment {start:g}-{end:g} s, {outcome}")
