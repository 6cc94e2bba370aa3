"""Shift between two splits: how far two samples of numbers or names are apart, and whether by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

NAMED = 5  # names in a summary
ENOUGH = 60  # divisions as far apart as the one that was found: it is no rare one
FEW_PAIRS = 10_000  # up to so many pairs the exact distribution costs nothing


def shift_between(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the distance of two samples (0 to 1), and how often chance alone makes a larger one.

    Args:
        one: (clips,) numbers, or names.
        two: (clips,) of the same kind.
    """
    return _shares_differ(one, two) if one.dtype.kind == "U" else _values_differ(one, two)


def chance_by_speaker(
    values: npt.NDArray[Any], speakers: Sequence[Hashable], number: int, *, orders: int = 999, seed: int = 0
) -> float:
    """Return how often as many other speakers on the second side would be as far from the rest as these.

    Clips of one speaker are alike: which speakers a side has makes a distance that single clips would not.

    Args:
        values: (clips,) numbers or names, those of the first side before those of the second.
        speakers: (clips,) of each; none is on both sides.
        number: clips of the first side.
        orders: at most so many divisions are drawn; all there are, where they are fewer. It stops as soon as
            enough of them are as far apart.
        seed: of the draws.
    """
    who = np.unique(np.array(list(map(str, speakers))), return_inverse=True)[1]
    held = np.unique(who[number:])
    distance = _Distance(values)
    observed = distance(np.isin(who, held))
    reached, done = 1, 1  # the division that was found is one of them
    for chosen in _divisions(int(who.max()) + 1, len(held), orders, seed):
        if set(chosen) == set(held.tolist()):
            continue
        reached += distance(np.isin(who, chosen)) >= observed - 1e-12
        done += 1
        if reached > ENOUGH:
            break
    return reached / done


def _divisions(count: int, held: int, orders: int, seed: int) -> Iterator[Sequence[int]]:
    """Yield which of ``count`` speakers are on the second side: every choice there is, or random ones."""
    if comb(count, held) <= orders:
        yield from combinations(range(count), held)
        return
    rng = np.random.default_rng(seed)
    for _ in range(orders):
        yield rng.choice(count, held, replace=False).tolist()


class _Distance:
    """Distance of two sides of a sample, for one division after the other."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        _, self._value = np.unique(values, return_inverse=True)
        self._count = int(self._value.max()) + 1
        self._names = values.dtype.kind == "U"

    def __call__(self, second: npt.NDArray[np.bool_]) -> float:
        """Return how far the clips marked ``second`` are from the others."""
        shares = [
            np.bincount(self._value[side], minlength=self._count) / side.sum() for side in (second, ~second)
        ]
        gap = shares[0] - shares[1]
        return float(0.5 * np.abs(gap).sum() if self._names else np.abs(np.cumsum(gap)).max())


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
