"""The range that an axis of intervals shows: what most rows need, so that one absurd interval stretches nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
TIMES_AS_WIDE = 4.0  # as the usual interval: wider ones do not decide the range
WORTH_IT = 0.75  # of the whole range; if the usual one is not clearly smaller, everything is shown


def shown_range(
    estimates: npt.ArrayLike, lows: npt.ArrayLike, highs: npt.ArrayLike, also: Sequence[float] = ()
) -> tuple[float, float] | None:
    """Return the lowest and the highest value that an axis must show; None if there is nothing to show.

    Every estimate is shown, and every interval that is at most four times as wide as the usual one, which is the
    median, or of the two middle ones the narrower. Intervals beyond that are cut off at the edge.

    Args:
        estimates: (rows,) NaN where undefined.
        lows: (rows,) lower ends; NaN where there is no interval.
        highs: (rows,) upper ends.
        also: further values to show.
    """
    points, low, high = (np.asarray(values, dtype=np.float64) for values in (estimates, lows, highs))
    defined = np.isfinite(points)
    has_ends = defined & np.isfinite(low) & np.isfinite(high)
    always = np.concatenate([points[defined], np.asarray(also, dtype=np.float64)])
    if not len(always):
        return None
    widths = (high - low)[has_ends]
    if not len(widths):
        return _ends(always)
    usual = np.sort(widths)[(len(widths) - 1) // 2]
    kept = widths <= TIMES_AS_WIDE * usual if usual > 0 else np.full(len(widths), True)
    whole = _ends(np.concatenate([always, low[has_ends], high[has_ends]]))
    needed = _ends(np.concatenate([always, low[has_ends][kept], high[has_ends][kept]]))
    return needed if needed[1] - needed[0] < WORTH_IT * (whole[1] - whole[0]) else whole


def _ends(values: FloatArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())
