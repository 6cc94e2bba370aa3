"""Holm's correction of p-values for their number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def holm(p_values: npt.ArrayLike, family: int = 0) -> FloatArray:
    """Return p-values corrected for their number by Holm's step-down: the chance of one false find.

    Args:
        p_values: (tests,); undefined ones (NaN) stay so and count for nothing.
        family: from how many tests these were picked by what they test; the others count as not significant.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    defined = np.flatnonzero(~np.isnan(values))
    order = defined[np.argsort(values[defined], kind="stable")]
    most = max(len(order), family)
    steps = values[order] * np.arange(most, most - len(order), -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted
