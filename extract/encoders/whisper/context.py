"""How much silence follows a clip before Whisper hears it, and in which windows it hears a long one."""

from __future__ import annotations

from collections.abc import Iterator

from extract.encoders.speech.windows import windows

RATE = 50  # frames a second
POSITIONS = 1500  # frames the encoder has positions for: 30 s
PADDING_SECONDS = 0.5  # of silence that follow a clip, unless the options say otherwise
CONTEXT = 250  # frames at either end of a window over a long clip, computed and thrown away
CHUNKING = (
    f"attention over the whole clip up to {POSITIONS / RATE:g} s, beyond that over windows of "
    f"{POSITIONS / RATE:g} s with {CONTEXT / RATE:g} s of context at either end (approximate)"
)


def positions(frames: int, padding: float) -> int:
    """Return the positions that ``frames`` frames are heard in, with so many seconds of silence after them."""
    return min(POSITIONS, frames + round(padding * RATE))


def parts(frames: int) -> Iterator[tuple[slice, slice]]:
    """Yield (frames of the clip to hear at once, frames of those to keep); the kept ones tile the clip."""
    return windows(frames, POSITIONS, CONTEXT)
