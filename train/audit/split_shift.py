"""Shift between two splits: how far two samples of numbers or names are apart, and whether by chance."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

NAMED = 5  # names in a summary
FEW_PAIRS = 10_000  # up to so many pairs the exact distribution costs nothing


def shift_between(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the distance of two samples (0 to 1), and how often chance alone makes a larger one.

    Args:
        one: (clips,) numbers, or names.
        two: (clips,) of the same kind.
    """
    return _shares_differ(one, two) if one.dtype.kind == "U" else _values_differ(one, two)


def summary(values: npt.NDArray[Any]) -> str:
    """Return a sample in a few words."""
    if values.dtype.kind == "U":
        shares = Counter(values.tolist()).most_common(NAMED)
        return ", ".join(f"{count / len(values):.0%} {name}" for name, count in shares)
    return f"median {np.median(values):.1f}"


def _values_differ(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the Kolmogorov–Smirnov distance of two samples, and how often chance exceeds it."""
    from scipy.stats import ks_2samp

    # The asymptotic formula divides by the rounded number of pairs, which is 0 for a clip on either side.
    test = ks_2samp(one, two, method="asymp" if len(one) * len(two) > FEW_PAIRS else "exact")
    return float(test.statistic), float(test.pvalue)


def _shares_differ(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the total variation distance of two samples of names, and how often chance exceeds it."""
    from scipy.stats import chi2_contingency

    names = np.unique(np.concatenate([one, two]))
    counts = np.array([[(side == name).sum() for name in names] for side in (one, two)])
    distance = 0.5 * np.abs(counts[0] / counts[0].sum() - counts[1] / counts[1].sum()).sum()
    return float(distance), 1.0 if len(names) < 2 else float(chi2_contingency(counts).pvalue)
