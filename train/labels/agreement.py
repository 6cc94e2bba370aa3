"""Agreement of annotators: how alike they rate, and how well a perfect prediction would do against their mean.

Spearman 1910 and Brown 1910 for the reliability of a mean; Shrout, Fleiss 1979 for the intra-class correlations.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.words import counted
from train.labels.annotators import Ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FEWEST = 5  # clips that two annotators both rated, to correlate them


@dataclass(frozen=True)
class Agreement:
    """How alike the annotators of a target rate.

    Attributes:
        annotators: of this target.
        clips: that anybody rated.
        single: of those, rated by one annotator.
        ratings: per clip, the harmonic mean.
        pairwise: mean Pearson correlation of two annotators over the clips that both rated; NaN if undefined.
        pairs: of annotators behind it.
        icc: correlation of two ratings of a clip: of consistency, where all rated the same clips, else one-way;
            NaN if undefined.
        ceiling: expected correlation of a perfect prediction with the mean rating: the root of its reliability
            k·icc / (1 + (k - 1)·icc), k ratings per clip; NaN if undefined.
    """

    annotators: int
    clips: int
    single: int
    ratings: float
    pairwise: float
    pairs: int
    icc: float
    ceiling: float


def agreement(ratings: Ratings, target: int) -> Agreement | None:
    """Return how alike one target was rated; None if nobody rated it as one of several."""
    values = ratings.values[:, target]
    rated = np.flatnonzero(~np.isnan(values))
    if not len(rated):
        return None
    who = np.unique([ratings.who[at] for at in rated], return_inverse=True)[1]
    clips, values = np.unique(ratings.clips[rated], return_inverse=True)[1], values[rated]
    sizes = np.bincount(clips)
    icc, mean = _icc(clips, who, values), len(sizes) / float((1 / sizes).sum())
    pairwise, pairs = _pairwise(clips, who, values)
    shared = max(icc, 0.0)  # NaN stays
    ceiling = math.nan if math.isnan(icc) else math.sqrt(mean * shared / (1 + (mean - 1) * shared))
    single = int((sizes == 1).sum())
    return Agreement(int(who.max()) + 1, len(sizes), single, mean, pairwise, pairs, icc, ceiling)


def agreements(ratings: Ratings | None, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the agreement on each target that was rated, as JSON values; nothing without ratings."""
    found = {name: agreement(ratings, at) for at, name in enumerate(names)} if ratings else {}
    return {name: asdict(each) for name, each in found.items() if each}


def agreement_text(name: str, found: Agreement) -> str:
    """Return the agreement on a target in a few words."""
    single = f", {found.single} rated by one" if found.single else ""
    text = f"{name}: {counted(found.annotators, 'annotator')} of {counted(found.clips, 'clip')}{single}"
    if found.pairs:
        text += f", pairwise r {found.pairwise:.2f} ({counted(found.pairs, 'pair')})"
    if math.isnan(found.icc):
        return f"{text}, no agreement can be told"
    return (
        f"{text}, ICC {found.icc:.2f}; a perfect prediction would reach about {found.ceiling:.2f} with their "
        "mean"
    )


def partial_annotators(ratings: Ratings) -> list[str]:
    """Return who rated some of the targets that have annotators but never others."""
    rated: dict[str, BoolArray] = {}
    for name, row in zip(ratings.who, ~np.isnan(ratings.values), strict=True):
        rated[name] = rated[name] | row if name in rated else row
    everybody = np.any(list(rated.values()), axis=0)
    return sorted(name for name, row in rated.items() if not row[everybody].all())


def _icc(clips: IntArray, who: IntArray, values: FloatArray) -> float:
    """Return the intra-class correlation of single ratings, from a one-way or, if complete, two-way table."""
    sizes = np.bincount(clips)
    count, total = len(sizes), len(values)
    if count < 2 or total == count:
        return math.nan
    means = np.bincount(clips, weights=values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (count - 1)
    within, freedom = float(((values - means[clips]) ** 2).sum()), total - count
    raters = int(who.max()) + 1
    if total == count * raters and raters > 1:  # what an annotator adds to every clip moves no mean apart
        offsets = np.bincount(who, weights=values) / count - values.mean()
        within, freedom = within - count * float((offsets**2).sum()), (count - 1) * (raters - 1)
    error = max(within, 0.0) / freedom
    each = (total - float((sizes**2).sum()) / total) / (count - 1)
    shared = (between - error) / each
    return math.nan if shared + error <= 0 else shared / (shared + error)


def _pairwise(clips: IntArray, who: IntArray, values: FloatArray) -> tuple[float, int]:
    """Return the mean correlation of two annotators over their common clips, and of how many pairs."""
    by_clip: dict[int, list[int]] = defaultdict(list)
    for at, clip in enumerate(clips.tolist()):
        by_clip[clip].append(at)
    common: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for rows in by_clip.values():
        for one, two in combinations(sorted(rows, key=lambda at: int(who[at])), 2):
            common[int(who[one]), int(who[two])].append((float(values[one]), float(values[two])))
    found = [_correlation(np.array(pairs)) for pairs in common.values() if len(pairs) >= FEWEST]
    defined = [value for value in found if not math.isnan(value)]
    return (float(np.mean(defined)) if defined else math.nan), len(defined)


def _correlation(pairs: FloatArray) -> float:
    centred = pairs - pairs.mean(0)
    norm = float(np.sqrt((centred**2).sum(0)).prod())
    return float(centred.prod(1).sum()) / norm if norm > 0 else math.nan
