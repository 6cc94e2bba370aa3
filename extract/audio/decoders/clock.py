"""Follows the timestamps of a stream while it is decoded, and finds where packets are missing."""

from __future__ import annotations

TOLERANCE = 0.05  # seconds: containers round their times, and recorders' clocks drift against the samples
LONGEST_GAP = 3600.0  # seconds; a longer jump is a broken timestamp or another recording, no pause
LONGEST_DISCONTINUITY = 10.0  # seconds, in containers whose clock may start anew (MPEG streams)


class Clock:
    """Where on the container's timeline the next sample should lie.

    Attributes:
        jumps: how often the clock was set anew since its timestamps could not be believed.
    """

    def __init__(self, discontinuous: bool) -> None:
        self._longest = LONGEST_DISCONTINUITY if discontinuous else LONGEST_GAP
        self._next: float | None = None
        self.jumps = 0

    def gap_before(self, begin: float | None, duration: float) -> float:
        """Return the seconds that are missing before a frame; 0 where it follows what came before.

        Samples are counted, and timestamps only looked at: so rounding does not add up, and sound that comes
        a moment early is not cut.

        Args:
            begin: the frame's timestamp [s]; None where it has none.
            duration: of the frame [s].
        """
        expected = begin if self._next is None else self._next
        jump = 0.0 if begin is None or expected is None else begin - expected
        believed = -self._longest < jump <= self._longest
        if not believed:
            self.jumps += 1
            expected = begin
        gap = jump if believed and jump > TOLERANCE else 0.0
        self._next = None if expected is None else expected + gap + duration
        return gap
