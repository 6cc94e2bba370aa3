"""Agreement against sums by hand and against ratings whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.labels.agreement import agreement, agreement_text, agreements, partial_annotators
from train.labels.annotators import Ratings


def ratings_of(values):
    """Make ratings of (clips, annotators), NaN where one did not rate."""
    clips, who = np.nonzero(~np.isnan(values))
    return Ratings(clips, tuple(f"r{number}" for number in who), values[clips, who][:, None])


# Shrout, Fleiss 1979, table 2: ICC(1,1) = .17, ICC(3,1) = .71.
SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])


def test_it_is_that_of_shrout_and_fleiss():
    found = agreement(ratings_of(SHROUT), 0)
    assert found.icc == pytest.approx(0.7148, abs=1e-4)
    assert found.ceiling == pytest.approx(math.sqrt(0.9093), abs=1e-4)  # ICC(3,4)
    assert (found.annotators, found.clips, found.single, found.ratings, found.pairs) == (4, 6, 0, 4, 6)
    pairs = np.corrcoef(SHROUT.T)[np.triu_indices(4, 1)]
    assert found.pairwise == pytest.approx(pairs.mean())
    # Where each clip has annotators of its own, their offsets are noise.
    strangers = ratings_of(SHROUT)
    strangers = Ratings(strangers.clips, tuple(map(str, range(24))), strangers.values)
    assert agreement(strangers, 0).icc == pytest.approx(0.1657, abs=1e-4)


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_the_ceiling_is_what_the_truth_itself_reaches(share):
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(4000)
    values = truth[:, None] + rng.normal(0, 1.5, (4000, 5))
    values[rng.random(values.shape) > share] = np.nan
    values = values[~np.isnan(values).all(1)]
    truth = truth[: len(values)] if share == 1 else None
    found = agreement(ratings_of(values), 0)
    assert found.icc == pytest.approx(1 / (1 + 1.5**2), abs=0.03)
    if truth is not None:
        reached = np.corrcoef(truth, values.mean(1))[0, 1]
        assert found.ceiling == pytest.approx(reached, abs=0.02)


def test_clips_of_one_annotator_say_nothing_of_agreement():
    values = np.full((6, 2), np.nan)
    values[:, 0] = np.arange(6)
    found = agreement(ratings_of(values), 0)
    assert math.isnan(found.icc)
    assert math.isnan(found.ceiling)
    assert "6 clips, 6 rated by one, no agreement can be told" in agreement_text("Joy", found)
    values[:5, 1] = [1, 0, 3, 2, 5]
    found = agreement(ratings_of(values), 0)
    assert (found.single, found.pairs) == (1, 1)
    assert agreement_text("Joy", found).startswith(
        "Joy: 2 annotators of 6 clips, 1 rated by one, pairwise r 0.82 (1 pair)"
    )


def test_annotators_that_contradict_each_other_have_no_ceiling():
    rising = np.arange(8.0)
    found = agreement(ratings_of(np.stack([rising, -rising], axis=1)), 0)
    assert found.pairwise == pytest.approx(-1)
    assert found.ceiling == 0


def test_who_rated_some_targets_only_is_named():
    nan = np.nan
    values = np.array([[1, 2, nan], [1, nan, nan], [3, 4, nan], [nan, 1, nan]])
    ratings = Ratings(np.array([0, 0, 1, 1]), ("a", "b", "a", "c"), values)
    assert partial_annotators(ratings) == ["b", "c"]
    assert list(agreements(ratings, ["x", "y", "z"])) == ["x", "y"]
    assert agreements(None, ["x"]) == {}
