"""A stream's clock: missing packets are found, rounding and drift are not taken for any."""

from __future__ import annotations

import pytest

from extract.audio.decoders.clock import LONGEST_DISCONTINUITY, LONGEST_GAP, TOLERANCE, Clock

FRAME = 0.02  # seconds


def gaps(clock: Clock, begins) -> list[float]:
    return [round(clock.gap_before(begin, FRAME), 6) for begin in begins]


def test_missing_frames_are_a_gap_of_their_length_and_the_clock_goes_on_behind_it() -> None:
    begins = [number * FRAME for number in (50, 51, 52, 152, 153, 154, 160, 161)]
    assert gaps(Clock(False), begins) == [0, 0, 0, 1.98, 0, 0, 0.1, 0]


def test_times_that_are_rounded_or_jitter_are_no_gap() -> None:
    begins = [round(number * FRAME + 0.009 * (number % 3), 3) for number in range(3000)]
    assert set(gaps(Clock(False), begins)) == {0}
    assert set(gaps(Clock(False), [None] * 100)) == {0}


def test_many_small_losses_add_up_and_the_sound_is_never_further_off_than_the_tolerance() -> None:
    """Every tenth frame is lost: its time passes, and no samples come."""
    clock, here, behind = Clock(False), 0.0, []
    for number in range(200):
        if number % 10 == 9:
            continue
        here += clock.gap_before(number * FRAME, FRAME)
        behind.append(number * FRAME - here)
        here += FRAME
    assert max(behind) <= TOLERANCE
    assert behind[-1] < 20 * FRAME / 4, "most of what was lost has been made up"


@pytest.mark.parametrize(
    ("discontinuous", "jump", "gap"),
    [
        (False, LONGEST_GAP / 2, LONGEST_GAP / 2),
        (False, 2 * LONGEST_GAP, 0),
        (False, -2 * LONGEST_GAP, 0),
        (True, LONGEST_DISCONTINUITY / 2, LONGEST_DISCONTINUITY / 2),
        (True, 2 * LONGEST_DISCONTINUITY, 0),
    ],
)
def test_a_jump_that_no_pause_explains_is_another_recording(discontinuous, jump, gap) -> None:
    clock = Clock(discontinuous)
    assert gaps(clock, [0.0, FRAME + jump, 2 * FRAME + jump]) == [0, gap, 0]
    assert clock.jumps == (gap == 0)


def test_sound_that_comes_a_moment_early_makes_up_for_what_came_late() -> None:
    assert gaps(Clock(False), [0.0, FRAME - 0.5, 2 * FRAME - 0.5, 3 * FRAME, 4 * FRAME]) == [0, 0, 0, 0, 0]
