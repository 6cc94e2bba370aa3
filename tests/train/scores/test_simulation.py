"""Intervals cover the truth and tests keep their level on simulated corpora; full size in tests/bench/."""

from __future__ import annotations

import math

import numpy as np
import pytest

from train.scores.holm import holm
from train.scores.intervals import difference_of, interval_of
from train.scores.resampling import Resampler

CORPORA, RHO, ICC = 200, 0.3, 0.5


def noise(rng, speakers, clips, rows=1):
    """Variance 1, half of it common to a speaker's clips: (rows, clips, 1)."""
    people, own = rng.standard_normal((rows, speakers, 1)), rng.standard_normal((rows, speakers, clips))
    return (math.sqrt(ICC) * people + math.sqrt(1 - ICC) * own).reshape(rows, -1, 1)


def corpus(number, speakers=60, clips=10, rows=1):
    """Labels and predictions of a true correlation of RHO."""
    rng = np.random.default_rng([7, number])
    truth = noise(rng, speakers, clips)
    predictions = RHO * truth + math.sqrt(1 - RHO**2) * noise(rng, speakers, clips, rows)
    return truth[0], predictions, np.repeat(np.arange(speakers), clips).tolist()


def covered(clusters, **size):
    held = 0
    for number in range(CORPORA):
        truth, predictions, people = corpus(number, **size)
        resampler = Resampler.of(len(truth), people if clusters else None, 400, seed=number)
        interval = interval_of(resampler, resampler.scores(truth, predictions, "pearson"))
        held += interval.low <= RHO <= interval.high
    return held / CORPORA


def test_intervals_by_speaker_cover_and_intervals_by_clip_do_not():
    assert 0.90 <= covered(clusters=True) <= 0.99  # 95 % and three standard errors
    assert covered(clusters=False) < 0.85


@pytest.mark.parametrize("speakers", [6, 12, 30])
def test_few_speakers_are_covered_too(speakers):
    assert covered(clusters=True, speakers=speakers) > 0.88


def test_equal_rows_differ_as_rarely_as_promised():
    single, family = 0.0, 0
    for number in range(CORPORA):
        truth, rows, people = corpus(number, rows=5)
        resampler = Resampler.of(len(truth), people, 100, seed=number)
        scores = [resampler.scores(truth, row[None], "pearson") for row in rows]
        p_values = [difference_of(resampler, row, scores[0], "pearson").p_value for row in scores[1:]]
        single += np.mean(np.array(p_values) <= 0.05)
        family += min(holm(p_values)) <= 0.05
    assert 0.02 < single / CORPORA < 0.08
    assert family / CORPORA < 0.09
