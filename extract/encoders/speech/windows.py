"""A clip longer than an encoder sees at once is read in windows, whose ends are computed and thrown away."""

from __future__ import annotations

from collections.abc import Iterator


def windows(frames: int, window: int, context: int) -> Iterator[tuple[slice, slice]]:
    """Yield (frames of the clip to look at, frames of that window to keep); the kept ones tile the clip.

    Args:
        frames: of the clip.
        window: frames the encoder sees at once.
        context: frames at either end of a window that are not kept, but where the clip itself ends.
    """
    start = kept = 0
    while start + window < frames:
        stop = start + window - context
        yield slice(start, start + window), slice(kept - start, stop - start)
        kept = stop
        start = min(start + window - 2 * context, frames - window)
    yield slice(start, frames), slice(kept - start, frames - start)
